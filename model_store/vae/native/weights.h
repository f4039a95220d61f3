/* Log weights of rows under a VAE, and what they are made of. */

#ifndef WEIGHTS_H
#define WEIGHTS_H

#include <math.h>

#include "arithmetic.h"
#include "dense.h"
#include "lanes.h"

enum { FACTORS = 960 };

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

static void bernoulli_log_prob_rows(const float *logits, const float *x, double *log_prob, size_t rows,
                             size_t rows_of_x, int columns)
{
    for (size_t row = 0; row < rows; row++)
        log_prob[row] = -bernoulli_cost_row(logits + row * columns,
                                            x + row % rows_of_x * columns, columns);
}

static int are_binary(const float *x, size_t count)
{
    int others = 0;
    for (size_t j = 0; j < count; j++)
        others |= (x[j] != 0.0f) & (x[j] != 1.0f);
    return !others;
}

static int are_binary_wide(const double *x, float *narrow, size_t count)
{
    int others = 0;
    for (size_t j = 0; j < count; j++) {
        others |= (x[j] != 0.0) & (x[j] != 1.0);
        narrow[j] = (float)x[j];
    }
    return !others;
}

/* One row's draws. */
INLINE void draw(const draws *d, int row)
{
    const int latents = d->latents;
    const float *loc = d->q + (size_t)row * 2 * latents;
    const lanes none = all(0.0f);
    double kl = 0.0, total_log_scale = 0.0;
    for (int k = 0; k < d->samples; k++)
        d->log_ratio[k * d->stride + row] = 0.0;
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
            const lanes drawn = load_some(d->noise + (size_t)k * latents + j, here, none);
            const lanes value = mean + scale * drawn;
            store_some(d->z + ((size_t)k * d->rows + row) * latents + j, value, here);
            double difference = 0.0;
            for (int i = 0; i < here; i++)
                difference += (double)drawn[i] * drawn[i] - (double)value[i] * value[i];
            d->log_ratio[k * d->stride + row] += 0.5 * difference;
        }
    }
    d->kl[row] = kl - total_log_scale;
    for (int k = 0; k < d->samples; k++)
        d->log_ratio[k * d->stride + row] += total_log_scale;
}

static void draw_rows(const draws *d)
{
    for (int row = 0; row < d->rows; row++)
        draw(d, row);
}

/* Makes log weights of log ratios. */
static void weigh_draws(const draws *d, const float *logits, const float *x, int features)
{
    for (int k = 0; k < d->samples; k++)
        for (int row = 0; row < d->rows; row++, logits += features)
            d->log_ratio[k * d->stride + row]
                -= bernoulli_cost_row(logits, x + (size_t)row * features, features);
}

static void weigh_rows(const network *encoder, const network *decoder, const float *x, const draws *all_draws,
                float *scratch)
{
    const int features = encoder->layers->inputs, block = rows_at_once(all_draws->samples);
    const size_t drawn = (size_t)block * all_draws->samples;
    draws d = *all_draws;
    float *q = scratch, *logits = q + (size_t)block * 2 * d.latents;
    d.q = q;
    d.z = logits + drawn * features;
    float *between = d.z + drawn * d.latents;
    for (int start = 0; start < all_draws->rows; start += block) {
        d.rows = all_draws->rows - start < block ? all_draws->rows - start : block;
        d.log_ratio = all_draws->log_ratio + start;
        d.kl = all_draws->kl + start;
        const float *here = x + (size_t)start * features;
        network_rows(encoder, here, q, d.rows, between);
        draw_rows(&d);
        network_rows(decoder, d.z, logits, d.rows * d.samples, between);
        weigh_draws(&d, logits, here, features);
    }
}

#endif
