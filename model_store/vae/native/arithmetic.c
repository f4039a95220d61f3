#include "arithmetic.h"

#include <math.h>

#include "lanes.h"

enum { FACTORS = 960 };

FOR_EACH_PROCESSOR
void norm_silu_rows(float *y, const float *scale, const float *shift,
                           const float *residual, float eps, size_t rows, int columns)
{
    for (size_t row = 0; row < rows; row++, y += columns) {
        norm_silu_row(y, scale, shift, residual, eps, columns);
        if (residual != NULL)
            residual += columns;
    }
}

/* Minus log p of a row of zeros and ones: the sum of log(1 + e^a), a being the logits with their
 * signs changed where x is 1.
 *
 * log(1 + e^a) = max(a, 0) + log(1 + e^-|a|), and the sum of the second terms is the log of a
 * product, each factor of which is between 1 and 2: of 960 of them it is no larger than float64
 * allows. Without its leading 1 it keeps the digits of the smallest, as
 * (1 + p) (1 + t) = 1 + (p + t + p t). */
INLINE double bernoulli_cost_row(const float *logits, const float *x, int count)
{
    const lanes none = all(0.0f);
    double cost = 0.0;
    for (int start = 0; start < count; start += FACTORS) {
        const int left = count - start;
        const int end = start + (left < FACTORS ? left : FACTORS);
        wide_lanes low = {0}, high = {0}, low_sum = {0}, high_sum = {0};
        for (int j = start; j < end; j += LANES) {
            lanes a, ones;
            if (end - j >= LANES) {
                a = load(logits + j);
                ones = load(x + j);
            } else {
                /* Of a logit of -100 it is 0. */
                a = load_some(logits + j, end - j, all(-100.0f));
                ones = load_some(x + j, end - j, none);
            }
            a -= 2.0f * ones * a;
            /* NaN is not below 0, and stays. */
            const lanes positive = where(a < none, none, a);
            wide_lanes l, h;
            widen(positive, &l, &h);
            low_sum += l;
            high_sum += h;
            widen(exponential(a - 2.0f * positive), &l, &h);
            low += l + low * l;
            high += h + high * h;
        }
        low += high + low * high;
        low_sum += high_sum;
        double product = 0.0;
        for (int i = 0; i < LANES / 2; i++) {
            product += low[i] + product * low[i];
            cost += low_sum[i];
        }
        cost += log1p(product);
    }
    return cost;
}

FOR_EACH_PROCESSOR
void bernoulli_log_prob_rows(const float *logits, const float *x, double *log_prob, size_t rows,
                             size_t rows_of_x, int columns)
{
    for (size_t row = 0; row < rows; row++)
        log_prob[row] = -bernoulli_cost_row(logits + row * columns,
                                            x + row % rows_of_x * columns, columns);
}

FOR_EACH_PROCESSOR
int are_binary(const float *x, size_t count)
{
    int others = 0;
    for (size_t j = 0; j < count; j++)
        others |= (x[j] != 0.0f) & (x[j] != 1.0f);
    return !others;
}

FOR_EACH_PROCESSOR
int are_binary_wide(const double *x, float *narrow, size_t count)
{
    int others = 0;
    for (size_t j = 0; j < count; j++) {
        others |= (x[j] != 0.0) & (x[j] != 1.0);
        narrow[j] = (float)x[j];
    }
    return !others;
}

FOR_EACH_PROCESSOR
void network_rows(const layer *layers, int count, const float *x, float *y, int rows,
                  float *scratch, int widest)
{
    network(layers, count, x, y, rows, scratch, widest);
}

/* One row's draws. */
INLINE void draw(const draws *d, int row)
{
    const int latents = d->latents, rows = d->rows;
    const float *loc = d->q + (size_t)row * 2 * latents;
    const lanes none = all(0.0f);
    double kl = 0.0, total_log_scale = 0.0;
    for (int k = 0; k < d->samples; k++)
        d->log_ratio[(size_t)k * rows + row] = 0.0;
    for (int j = 0; j < latents; j += LANES) {
        const int here = latents - j < LANES ? latents - j : LANES;
        const lanes mean = load_some(loc + j, here, none);
        lanes log_scale = load_some(loc + latents + j, here, none);
        log_scale = where(log_scale < d->low, all(d->low), log_scale);
        log_scale = where(log_scale > d->high, all(d->high), log_scale);
        const lanes scale = exponential(log_scale);
        for (int i = 0; i < here; i++) {
            total_log_scale += log_scale[i];
            kl += 0.5 * ((double)mean[i] * mean[i] + (double)scale[i] * scale[i] - 1.0);
        }
        for (int k = 0; k < d->samples; k++) {
            const size_t place = (size_t)k * rows + row;
            const lanes drawn = load_some(d->noise + (size_t)k * latents + j, here, none);
            const lanes value = mean + scale * drawn;
            store_some(d->z + place * latents + j, value, here);
            double difference = 0.0;
            for (int i = 0; i < here; i++)
                difference += (double)drawn[i] * drawn[i] - (double)value[i] * value[i];
            d->log_ratio[place] += 0.5 * difference;
        }
    }
    d->kl[row] = kl - total_log_scale;
    for (int k = 0; k < d->samples; k++)
        d->log_ratio[(size_t)k * rows + row] += total_log_scale;
}

FOR_EACH_PROCESSOR
void draw_rows(const draws *d)
{
    for (int row = 0; row < d->rows; row++)
        draw(d, row);
}

size_t scratch_of(const layer *decoder, int decoders, const draws *d, int widest)
{
    const size_t rows = (size_t)d->rows, drawn = rows * (size_t)d->samples;
    const size_t each = (size_t)d->latents + (size_t)decoder[decoders - 1].outputs;
    return rows * 2 * (size_t)d->latents + drawn * (each + 2 * (size_t)widest);
}

FOR_EACH_PROCESSOR
void weigh_rows(const layer *encoder, int encoders, const layer *decoder, int decoders,
                const float *x, draws d, int widest, float *scratch)
{
    const int features = decoder[decoders - 1].outputs, drawn = d.rows * d.samples;
    float *q = scratch, *z = q + (size_t)d.rows * 2 * d.latents;
    float *logits = z + (size_t)drawn * d.latents, *between = logits + (size_t)drawn * features;
    d.q = q;
    d.z = z;
    network(encoder, encoders, x, q, d.rows, between, widest);
    for (int row = 0; row < d.rows; row++)
        draw(&d, row);
    network(decoder, decoders, z, logits, drawn, between, widest);
    for (int place = 0; place < drawn; place++)
        d.log_ratio[place] -= bernoulli_cost_row(logits + (size_t)place * features,
                                                 x + (size_t)(place % d.rows) * features, features);
}
