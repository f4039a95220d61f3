/* For x86 processors with AVX-512; of others, and of other compilers, nothing. */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi2")

#include "weights.h"

const arithmetic for_avx512 = {
    "avx512", norm_silu_rows, network_rows, bernoulli_log_prob_rows, are_binary, are_binary_wide,
    draw_rows, weigh_rows,
};
#endif
