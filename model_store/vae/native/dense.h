/* Dense networks: layers of matrix products, norms and activations. */

#ifndef DENSE_H
#define DENSE_H

#include <math.h>
#include <stddef.h>

#include "arithmetic.h"
#include "lanes.h"

/* Sums that are kept in registers at a time, of which AVX-512 has thirty-two and others sixteen. */
#if defined(__AVX512F__)
enum { SUMS = 24 };
#else
enum { SUMS = 12 };
#endif

/* Inputs of a row that are looked at at a time. */
enum { PLACES = 1024 };

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

static void norm_silu_rows(float *y, const float *scale, const float *shift, const float *residual,
                           float eps, size_t rows, int columns)
{
    for (size_t row = 0; row < rows; row++, y += columns) {
        norm_silu_row(y, scale, shift, residual, eps, columns);
        if (residual != NULL)
            residual += columns;
    }
}

/* A panel's outputs of so many rows; how many rows and how wide a panel are constants where this is
 * called. Each output is summed in the order of the inputs, whatever is computed beside it: a row's
 * outputs are the same bit for bit wherever it stands. */
INLINE void block(const float *x, int inputs, const float *weight, const float *bias, float *y,
                  int outputs, int here, const int rows, const int width)
{
    const int vectors = width / LANES;
    lanes sums[8 * PANEL / LANES];
    for (int v = 0; v < vectors; v++)
        for (int r = 0; r < rows; r++)
            sums[r * vectors + v] = load(bias + v * LANES);
    for (int i = 0; i < inputs; i++, weight += width)
        for (int v = 0; v < vectors; v++) {
            const lanes w = load(weight + v * LANES);
            for (int r = 0; r < rows; r++)
                sums[r * vectors + v] += w * x[(size_t)r * inputs + i];
        }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            store_up_to(y + (size_t)r * outputs + v * LANES, sums[r * vectors + v],
                        here - v * LANES);
}

/* A panel's outputs of all rows. Of many rows the last may be computed twice, which is quicker than
 * one by one. */
INLINE void panel(const float *x, int inputs, const float *weight, const float *bias, float *y,
                  int outputs, int here, int rows, const int width)
{
    const int fit = SUMS * LANES / width, many = fit < 8 ? fit : 8;
    int r = 0;
    if (rows >= many)
        for (; r < rows; r += many) {
            const size_t row = (size_t)(r + many <= rows ? r : rows - many);
            block(x + row * inputs, inputs, weight, bias, y + row * outputs, outputs, here, many,
                  width);
        }
    for (; many > 4 && r + 4 <= rows; r += 4)
        block(x + (size_t)r * inputs, inputs, weight, bias, y + (size_t)r * outputs, outputs, here,
              4, width);
    for (; many > 2 && r + 2 <= rows; r += 2)
        block(x + (size_t)r * inputs, inputs, weight, bias, y + (size_t)r * outputs, outputs, here,
              2, width);
    for (; r < rows; r++)
        block(x + (size_t)r * inputs, inputs, weight, bias, y + (size_t)r * outputs, outputs, here,
              1, width);
}

/* A panel's outputs of one row so far, from some of its inputs. */
INLINE void add_to_panel(const float *x, const int *places, int count, const float *weight,
                         const float *so_far, float *y, int here, const int width)
{
    const int vectors = width / LANES;
    lanes sums[PANEL / LANES];
    for (int v = 0; v < vectors; v++) {
        const int left = here - v * LANES;
        sums[v] = left >= LANES ? load(so_far + v * LANES)
                                : load_some(so_far + v * LANES, left > 0 ? left : 0, all(0.0f));
    }
    for (int i = 0; i < count; i++)
        for (int v = 0; v < vectors; v++)
            sums[v] += load(weight + (size_t)places[i] * width + v * LANES) * x[places[i]];
    for (int v = 0; v < vectors; v++)
        store_up_to(y + v * LANES, sums[v], here - v * LANES);
}

/* y = x weight + bias of one row. What that takes is the way of the weights from memory, so those of
 * inputs that are 0, of which there may be many, are not read. */
static void one_row(const float *x, const layer *l, float *y)
{
    const int inputs = l->inputs, outputs = l->outputs;
    const float *so_far = l->bias;
    int places[PLACES];
    for (int start = 0; start < inputs; start += PLACES, so_far = y) {
        const int end = start + PLACES < inputs ? start + PLACES : inputs;
        const float *weight = l->panels;
        int count = 0;
        for (int i = start; i < end; i++) {
            places[count] = i;
            count += x[i] != 0.0f;
        }
        for (int first = 0; first < outputs; first += PANEL) {
            const int left = outputs - first, width = panel_width(left);
            const float *from = so_far + first;
            if (width == PANEL)
                add_to_panel(x, places, count, weight, from, y + first, left, PANEL);
            else if (width == 2 * PANEL / 3)
                add_to_panel(x, places, count, weight, from, y + first, left, 2 * PANEL / 3);
            else
                add_to_panel(x, places, count, weight, from, y + first, left, PANEL / 3);
            weight += (size_t)inputs * width;
        }
    }
}

/* y (rows, outputs) = x weight + bias. */
static void linear(const float *x, const layer *l, float *y, int rows)
{
    const float *weight = l->panels, *bias = l->bias;
    const int inputs = l->inputs, outputs = l->outputs;
    if (rows == 1) {
        one_row(x, l, y);
        return;
    }
    for (int first = 0; first < outputs; first += PANEL) {
        const int left = outputs - first, width = panel_width(left);
        if (width == PANEL)
            panel(x, inputs, weight, bias + first, y + first, outputs, left, rows, PANEL);
        else if (width == 2 * PANEL / 3)
            panel(x, inputs, weight, bias + first, y + first, outputs, left, rows, 2 * PANEL / 3);
        else
            panel(x, inputs, weight, bias + first, y + first, outputs, left, rows, PANEL / 3);
        weight += (size_t)inputs * width;
    }
}

/* What a network makes of x; `scratch` holds twice `rows` rows of its widest hidden layer. */
static void network_rows(const network *n, const float *x, float *y, int rows, float *scratch)
{
    float *next = scratch, *other = scratch + (size_t)rows * n->widest;
    for (int i = 0; i < n->count - 1; i++) {
        const layer *l = n->layers + i;
        linear(x, l, next, rows);
        norm_silu_rows(next, l->scale, l->shift, l->residual ? x : NULL, l->eps, (size_t)rows,
                       l->outputs);
        x = next;
        next = other;
        other = (float *)x;
    }
    linear(x, n->layers + n->count - 1, y, rows);
}

#endif
