/* For the processors that the compiler was told of. */

#include "weights.h"

const arithmetic for_any = {
    "any", norm_silu_rows, network_rows, bernoulli_log_prob_rows, are_binary, are_binary_wide,
    draw_rows, weigh_rows,
};
