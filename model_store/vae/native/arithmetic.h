/* What there is of arithmetic, for each kind of processor. Arrays are contiguous, (rows, columns). */

#ifndef ARITHMETIC_H
#define ARITHMETIC_H

#include <stddef.h>

/* Weights are kept in panels of 48 outputs, the last of 16, 32 or 48: all that are needed at a time lie
 * in the order in which they are read. */
enum { PANEL = 48 };

static inline int panel_width(int outputs_left)
{
    return outputs_left > 2 * PANEL / 3 ? PANEL : outputs_left > PANEL / 3 ? 2 * PANEL / 3 : PANEL / 3;
}

/* Linear -> LayerNorm -> SiLU, added to its input if `residual`; the last layer of a network is
 * linear, its `scale` and `shift` NULL. */
typedef struct {
    int inputs, outputs;
    float *panels; /* each (inputs, width) */
    float *bias;   /* as long as the panels are wide together */
    float *scale, *shift;
    float eps;
    int residual;
} layer;

/* `widest` is the largest number of outputs of a hidden layer. */
typedef struct {
    const layer *layers;
    int count, widest;
} network;

/* Draws z = loc + scale * noise, (samples, rows, latents), from the diagonal Gaussians q(z | x) whose
 * means and logs of scales the rows of q hold; for each draw log p(z) - log q(z | x), whose constants
 * cancel, and for each row KL(q(z | x) || p(z)), p(z) being N(0, I). Logs of scales are brought
 * between `low` and `high`. From one sample's log ratios to the next's it is `stride`. */
typedef struct {
    const float *q, *noise;
    float low, high;
    int rows, samples, latents;
    size_t stride;
    float *z;
    double *log_ratio, *kl;
} draws;

typedef struct {
    const char *processor;

    /* y = SiLU(LayerNorm(y)) + residual, in place; `residual` may be NULL. */
    void (*norm_silu)(float *y, const float *scale, const float *shift, const float *residual,
                      float eps, size_t rows, int columns);

    /* What a network makes of x; `scratch` holds twice `rows` rows of its widest hidden layer. */
    void (*forward)(const network *n, const float *x, float *y, int rows, float *scratch);

    /* Log p(x | logits) of each row of zeros and ones; x has `rows_of_x` rows, again and again. */
    void (*bernoulli_log_prob)(const float *logits, const float *x, double *log_prob, size_t rows,
                               size_t rows_of_x, int columns);

    /* Whether all of them are 0 or 1; those of float64 are written down in float32. */
    int (*are_binary)(const float *x, size_t count);
    int (*are_binary_wide)(const double *x, float *narrow, size_t count);

    void (*draw)(const draws *d);

    /* From rows of zeros and ones to log weights, in the place of log ratios, the decoder's outputs
     * being logits. It has a q and a z of its own in `scratch`, for as many rows as `rows_at_once`. */
    void (*weigh)(const network *encoder, const network *decoder, const float *x, const draws *d,
                  float *scratch);
} arithmetic;

extern const arithmetic for_avx512, for_avx2, for_any;

/* Rows with so many samples whose draws, 128 or those of one row, are computed at a time: then what
 * is made of them fits a cache. */
static inline int rows_at_once(int samples) { return samples < 128 ? 128 / samples : 1; }

#endif
