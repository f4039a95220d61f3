/* Dense layers of few rows: what a matrix product of them costs is mostly the way to it. */

#ifndef DENSE_H
#define DENSE_H

#include <math.h>
#include <stddef.h>

#include "lanes.h"

/* Linear -> LayerNorm -> SiLU, added to its input if `residual`; the last layer of a network is
 * linear, its `scale` and `shift` NULL. */
typedef struct {
    int inputs, outputs;
    const float *weight; /* (inputs, outputs) */
    const float *bias;
    const float *scale, *shift;
    float eps;
    int residual;
} layer;

/* y = SiLU(LayerNorm(y)) + residual, in place; `residual` may be NULL. */
INLINE void norm_silu_row(float *y, const float *scale, const float *shift, const float *residual,
                          float eps, int count)
{
    const int whole = count - count % LANES, rest = count - whole;
    const lanes none = all(0.0f);
    lanes total = none;
    for (int j = 0; j < whole; j += LANES)
        total += load(y + j);
    const float mean = sum(total + load_some(y + whole, rest, none)) / (float)count;
    lanes squares = none;
    for (int j = 0; j < whole; j += LANES) {
        const lanes from_mean = load(y + j) - mean;
        squares += from_mean * from_mean;
    }
    const lanes last = load_some(y + whole, rest, all(mean)) - mean;
    squares += last * last;
    const float inverse = 1.0f / sqrtf(sum(squares) / (float)count + eps);
    for (int j = 0; j < whole; j += LANES) {
        const lanes normal = (load(y + j) - mean) * inverse * load(scale + j) + load(shift + j);
        lanes value = normal / (1.0f + exponential(-normal));
        if (residual != NULL)
            value += load(residual + j);
        store(y + j, value);
    }
    if (rest > 0) {
        const lanes normal = last * inverse * load_some(scale + whole, rest, none)
                             + load_some(shift + whole, rest, none);
        lanes value = normal / (1.0f + exponential(-normal));
        if (residual != NULL)
            value += load_some(residual + whole, rest, none);
        store_some(y + whole, value, rest);
    }
}

/* So many outputs of so many rows, both of them constants where this is called. */
INLINE void block(const float *x, const layer *l, float *y, int first, const int rows,
                  const int vectors)
{
    const int inputs = l->inputs, outputs = l->outputs;
    lanes sums[8];
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++)
            sums[r * vectors + v] = load(l->bias + first + v * LANES);
    const float *weight = l->weight + first;
    for (int i = 0; i < inputs; i++, weight += outputs)
        for (int v = 0; v < vectors; v++) {
            const lanes w = load(weight + v * LANES);
            for (int r = 0; r < rows; r++)
                sums[r * vectors + v] += w * x[(size_t)r * inputs + i];
        }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            store(y + (size_t)r * outputs + first + v * LANES, sums[r * vectors + v]);
}

/* The outputs of so many rows, as many at a time as there are registers for. The last of them are
 * computed twice rather than one by one. */
INLINE void linear_rows(const float *x, const layer *l, float *y, const int rows)
{
    const int outputs = l->outputs;
    int o = 0;
    if (rows == 1)
        for (; o + 8 * LANES <= outputs; o += 8 * LANES)
            block(x, l, y, o, rows, 8);
    for (; o + 2 * LANES <= outputs; o += 2 * LANES)
        block(x, l, y, o, rows, 2);
    for (; o + LANES <= outputs; o += LANES)
        block(x, l, y, o, rows, 1);
    if (o < outputs && outputs >= LANES)
        block(x, l, y, outputs - LANES, rows, 1);
    else if (o < outputs)
        for (int r = 0; r < rows; r++)
            for (o = 0; o < outputs; o++) {
                float total = l->bias[o];
                for (int i = 0; i < l->inputs; i++)
                    total += x[(size_t)r * l->inputs + i] * l->weight[(size_t)i * outputs + o];
                y[(size_t)r * outputs + o] = total;
            }
}

/* y (rows, outputs) = x weight + bias. */
INLINE void linear(const float *x, const layer *l, float *y, int rows)
{
    int r = 0;
    for (; r + 4 <= rows; r += 4)
        linear_rows(x + (size_t)r * l->inputs, l, y + (size_t)r * l->outputs, 4);
    for (; r < rows; r++)
        linear_rows(x + (size_t)r * l->inputs, l, y + (size_t)r * l->outputs, 1);
}

/* What a network makes of x. `scratch` holds twice `rows` rows of its widest hidden layer. */
INLINE void network(const layer *layers, int count, const float *x, float *y, int rows,
                    float *scratch, int widest)
{
    float *next = scratch, *other = scratch + (size_t)rows * widest;
    for (int i = 0; i < count - 1; i++) {
        const layer *l = layers + i;
        linear(x, l, next, rows);
        for (int r = 0; r < rows; r++)
            norm_silu_row(next + (size_t)r * l->outputs, l->scale, l->shift,
                          l->residual ? x + (size_t)r * l->inputs : NULL, l->eps, l->outputs);
        x = next;
        next = other;
        other = (float *)x;
    }
    linear(x, layers + count - 1, y, rows);
}

#endif
