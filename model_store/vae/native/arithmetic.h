/* Arithmetic that touches memory once, and a pass of a few rows through a VAE. Arrays are contiguous,
 * (rows, columns). */

#ifndef ARITHMETIC_H
#define ARITHMETIC_H

#include "dense.h"

/* y = SiLU(LayerNorm(y)) + residual, in place; `residual` may be NULL. */
void norm_silu_rows(float *y, const float *scale, const float *shift, const float *residual,
                    float eps, size_t rows, int columns);

/* Log p(x | logits) of each row of zeros and ones; x has `rows_of_x` rows, again and again. */
void bernoulli_log_prob_rows(const float *logits, const float *x, double *log_prob, size_t rows,
                             size_t rows_of_x, int columns);

/* Whether all of them are 0 or 1; those of float64 are written down in float32. */
int are_binary(const float *x, size_t count);
int are_binary_wide(const double *x, float *narrow, size_t count);

/* What a network makes of x; `scratch` holds twice `rows` rows of its widest hidden layer. */
void network_rows(const layer *layers, int count, const float *x, float *y, int rows,
                  float *scratch, int widest);

/* Draws z = loc + scale * noise, (samples, rows, latents), from the diagonal Gaussians q(z | x) whose
 * means and logs of scales the rows of q hold; for each draw log p(z) - log q(z | x), whose constants
 * cancel, and for each row KL(q(z | x) || p(z)), p(z) being N(0, I). Logs of scales are brought
 * between `low` and `high`. */
typedef struct {
    const float *q, *noise;
    float low, high;
    int rows, samples, latents;
    float *z;
    double *log_ratio, *kl;
} draws;

void draw_rows(const draws *d);

/* From rows of zeros and ones to log weights, in the place of log ratios, the decoder's outputs being
 * logits. It has its own q and z in `scratch`. */
void weigh_rows(const layer *encoder, int encoders, const layer *decoder, int decoders,
                const float *x, draws d, int widest, float *scratch);

/* The floats of scratch that it needs. */
size_t scratch_of(const layer *decoder, int decoders, const draws *d, int widest);

#endif
