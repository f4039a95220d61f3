/* As many floats at a time as the processor has in a register, in the vector types that GCC and Clang
 * have in common. */

#ifndef LANES_H
#define LANES_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif

/* They may lie anywhere in memory, among other things. */
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float half_lanes __attribute__((vector_size(2 * LANES), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES)));
typedef double wide_lanes __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE lanes all(float value) { return (lanes){0} + value; }

INLINE lanes where(mask is, lanes yes, lanes no)
{
    return (lanes)((is & (mask)yes) | (~is & (mask)no));
}

INLINE lanes load(const float *from) { return *(const lanes *)from; }

INLINE void store(float *to, lanes values) { *(lanes *)to = values; }

/* The first `count` of them, and the rest as it is in `others`. */
INLINE lanes load_some(const float *from, int count, lanes others)
{
    memcpy(&others, from, sizeof(float) * (size_t)count);
    return others;
}

INLINE void store_some(float *to, lanes values, int count)
{
    memcpy(to, &values, sizeof(float) * (size_t)count);
}

/* As many of them as there is room for. */
INLINE void store_up_to(float *to, lanes values, int room)
{
    if (room >= LANES)
        store(to, values);
    else if (room > 0)
        store_some(to, values, room);
}

INLINE float sum(lanes values)
{
    float each[LANES];
    memcpy(each, &values, sizeof each);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            each[i] += each[i + half];
    return each[0];
}

INLINE void widen(lanes values, wide_lanes *low, wide_lanes *high)
{
    half_lanes halves[2];
    memcpy(halves, &values, sizeof halves);
    *low = __builtin_convertvector(halves[0], wide_lanes);
    *high = __builtin_convertvector(halves[1], wide_lanes);
}

/* e^x with a relative error of two roundings; x is taken for -87 below that, and for 88 above, so
 * that no result is infinite or too small to be normal. Of NaN it is some number.
 *
 * x = n log 2 + r with n an integer and |r| <= log(2) / 2; the polynomial is the one for e^r of
 * Cephes (S. L. Moshier, 1992), as is the split of log 2 into two parts. */
INLINE lanes exponential(lanes x)
{
    x = where(x < -87.0f, all(-87.0f), x);
    x = where(x > 88.0f, all(88.0f), x);
    /* Added to it, a number is rounded to an integer, which its last bits are. */
    const float shift = 12582912.0f;
    lanes n = x * 1.44269504088896341f + shift;
    mask power = (mask)n << 23;
    n -= shift;
    lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return (lanes)((mask)p + power);
}

#endif
