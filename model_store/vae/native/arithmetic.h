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

/* Rows of zeros and ones, and what is found out of them: see `DenseLayers.weigh` in __init__.py. */
typedef struct {
    const layer *encoder, *decoder;
    int encoders, decoders; /* how many layers each has */
    const float *x, *noise;
    float low, high;
    int rows, samples;
    double *log_weights, *kl;
} weighing;

/* The floats of scratch that it needs. */
size_t scratch_of(const weighing *e, int widest);

void weigh_rows(const weighing *e, int widest, float *scratch);

#endif
