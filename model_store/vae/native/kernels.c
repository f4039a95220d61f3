/* What __init__.py beside this offers, for Python: arithmetic that touches memory once, and a pass of
 * a few rows through a VAE that is one call.
 *
 * Arrays come as buffers of float32 or float64, contiguous in C's order; what is written to is
 * allocated by the caller. Shapes are looked at here, so that no mistake in Python reads or writes
 * elsewhere. */

#include "arrays.h"

#include "arithmetic.h"
#include "networks.h"


/* Rows whose layers fit a cache. */
enum { ROWS_FORWARD = 128 };

/* The arithmetic for this processor. */
static const arithmetic *chosen = &for_any;

static PyObject *norm_silu(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[4];
    if (check_arguments(count, 5) < 0)
        return NULL;
    const double eps = PyFloat_AsDouble(args[4]);
    if (PyErr_Occurred() || get_arrays(args, a, "Fffo") < 0)
        return NULL;
    const Py_ssize_t columns = columns_of(a);
    const int fits = columns > 0 && columns < INT32_MAX
                     && count_of(a + 1) == columns && count_of(a + 2) == columns
                     && (a[3].obj == NULL || count_of(a + 3) == count_of(a));
    if (check(fits, "Rows and their layer") == 0) {
        Py_BEGIN_ALLOW_THREADS
        chosen->norm_silu(a[0].buf, a[1].buf, a[2].buf, a[3].buf, (float)eps,
                          (size_t)(count_of(a) / columns), (int)columns);
        Py_END_ALLOW_THREADS
    }
    release(a, 4);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *bernoulli_log_prob(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[3];
    if (check_arguments(count, 3) < 0 || get_arrays(args, a, "ffD") < 0)
        return NULL;
    const Py_ssize_t columns = columns_of(a);
    const int fits = columns > 0 && columns < INT32_MAX && columns_of(a + 1) == columns
                     && count_of(a + 1) > 0 && count_of(a) % count_of(a + 1) == 0
                     && count_of(a + 2) == count_of(a) / columns;
    if (check(fits, "Logits, rows and their log-probabilities") == 0) {
        Py_BEGIN_ALLOW_THREADS
        chosen->bernoulli_log_prob(a[0].buf, a[1].buf, a[2].buf, (size_t)count_of(a + 2),
                                   (size_t)(count_of(a + 1) / columns), (int)columns);
        Py_END_ALLOW_THREADS
    }
    release(a, 3);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *are_all_binary(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[2];
    int are = 0;
    if (check_arguments(count, 2) < 0 || get_arrays(args, a, "xp") < 0)
        return NULL;
    const int is_wide = a->itemsize == sizeof(double);
    const int fits = is_wide ? a[1].obj != NULL && count_of(a + 1) == count_of(a)
                             : a[1].obj == NULL;
    if (check(fits, "Values and their places") == 0) {
        Py_BEGIN_ALLOW_THREADS
        are = is_wide ? chosen->are_binary_wide(a[0].buf, a[1].buf, (size_t)count_of(a))
                      : chosen->are_binary(a[0].buf, (size_t)count_of(a));
        Py_END_ALLOW_THREADS
    }
    release(a, 2);
    return PyErr_Occurred() ? NULL : PyBool_FromLong(are);
}

static float *scratch_for(size_t floats)
{
    float *scratch = PyMem_RawMalloc((floats > 0 ? floats : 1) * sizeof(float));
    if (scratch == NULL)
        PyErr_NoMemory();
    return scratch;
}

static PyObject *forward(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[2];
    const network *n;
    if (check_arguments(count, 3) < 0 || get_networks(args, &n, 1) < 0
        || get_arrays(args + 1, a, "fF") < 0)
        return NULL;
    const int inputs = n->layers->inputs, outputs = outputs_of(n);
    const Py_ssize_t rows = count_of(a) / inputs;
    float *scratch = NULL;
    if (check(count_of(a) == rows * inputs && count_of(a + 1) == rows * outputs,
              "A network and its arrays") == 0)
        scratch = scratch_for(2 * ROWS_FORWARD * (size_t)n->widest);
    if (scratch != NULL) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t row = 0; row < rows; row += ROWS_FORWARD)
            chosen->forward(n, (const float *)a[0].buf + row * inputs,
                            (float *)a[1].buf + row * outputs,
                            (int)(rows - row < ROWS_FORWARD ? rows - row : ROWS_FORWARD), scratch);
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(scratch);
    release(a, 2);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *draw(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[5];
    if (check_arguments(count, 7) < 0)
        return NULL;
    const double low = PyFloat_AsDouble(args[5]), high = PyFloat_AsDouble(args[6]);
    if (PyErr_Occurred() || get_arrays(args, a, "ffFDD") < 0)
        return NULL;
    const Py_ssize_t latents = columns_of(a) / 2, rows = count_of(a + 4);
    const Py_ssize_t samples = latents > 0 ? count_of(a + 1) / latents : 0;
    const int fits = latents < INT32_MAX && rows < INT32_MAX && samples < INT32_MAX
                     && count_of(a) == rows * 2 * latents && count_of(a + 1) == samples * latents
                     && count_of(a + 2) == samples * rows * latents
                     && count_of(a + 3) == samples * rows;
    if (check(fits, "Posteriors and their draws") == 0) {
        const draws d = {a[0].buf, a[1].buf, (float)low, (float)high, (int)rows, (int)samples,
                         (int)latents, (size_t)rows, a[2].buf, a[3].buf, a[4].buf};
        Py_BEGIN_ALLOW_THREADS
        chosen->draw(&d);
        Py_END_ALLOW_THREADS
    }
    release(a, 5);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static size_t scratch_of_weigh(const network *encoder, const network *decoder, int samples)
{
    const size_t rows = (size_t)rows_at_once(samples), drawn = rows * (size_t)samples;
    const size_t features = (size_t)encoder->layers->inputs;
    const size_t latents = (size_t)decoder->layers->inputs;
    const int widest = encoder->widest > decoder->widest ? encoder->widest : decoder->widest;
    return rows * 2 * latents + drawn * (latents + features + 2 * (size_t)widest);
}

static PyObject *weigh(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[4];
    const network *n[2];
    if (check_arguments(count, 8) < 0 || get_networks(args, n, 2) < 0)
        return NULL;
    const double low = PyFloat_AsDouble(args[6]), high = PyFloat_AsDouble(args[7]);
    if (PyErr_Occurred() || get_arrays(args + 2, a, "ffDD") < 0)
        return NULL;
    const int features = n[0]->layers->inputs, latents = n[1]->layers->inputs;
    const Py_ssize_t rows = count_of(a + 3), samples = count_of(a + 1) / latents;
    const int fits = outputs_of(n[0]) == 2 * latents && outputs_of(n[1]) == features
                     && rows < INT32_MAX && 0 < samples && samples < 1 << 16
                     && count_of(a) == rows * features && count_of(a + 1) == samples * latents
                     && count_of(a + 2) == samples * rows;
    const draws d = {NULL, a[1].buf, (float)low, (float)high, (int)rows, (int)samples, latents,
                     (size_t)rows, NULL, a[2].buf, a[3].buf};
    float *scratch = NULL;
    if (check(fits, "Networks and their arrays") == 0)
        scratch = scratch_for(scratch_of_weigh(n[0], n[1], (int)samples));
    if (scratch != NULL) {
        Py_BEGIN_ALLOW_THREADS
        chosen->weigh(n[0], n[1], a[0].buf, &d, scratch);
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(scratch);
    release(a, 4);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* Kinds of processors of which this is one, the best first. */
static int processors(const arithmetic **found)
{
    int count = 0;
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("bmi2")) {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
            found[count++] = &for_avx512;
        found[count++] = &for_avx2;
    }
#endif
    found[count++] = &for_any;
    return count;
}

static PyObject *compute_for(PyObject *module, PyObject *name)
{
    (void)module;
    const arithmetic *found[3];
    for (int i = processors(found) - 1; i >= 0; i--)
        if (PyUnicode_Check(name)
            && PyUnicode_CompareWithASCIIString(name, found[i]->processor) == 0) {
            chosen = found[i];
            return Py_NewRef(Py_None);
        }
    return PyErr_Format(PyExc_ValueError, "This processor is not one of kind %R.", name);
}

static PyMethodDef functions[] = {
    {"norm_silu", (PyCFunction)(void (*)(void))norm_silu, METH_FASTCALL, NULL},
    {"bernoulli_log_prob", (PyCFunction)(void (*)(void))bernoulli_log_prob, METH_FASTCALL, NULL},
    {"are_binary", (PyCFunction)(void (*)(void))are_all_binary, METH_FASTCALL, NULL},
    {"forward", (PyCFunction)(void (*)(void))forward, METH_FASTCALL, NULL},
    {"draw", (PyCFunction)(void (*)(void))draw, METH_FASTCALL, NULL},
    {"weigh", (PyCFunction)(void (*)(void))weigh, METH_FASTCALL, NULL},
    {"compute_for", compute_for, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_kernels", .m_size = -1, .m_methods = functions,
};

static int add_processors(PyObject *module)
{
    const arithmetic *found[3];
    const int count = processors(found);
    PyObject *names = PyTuple_New(count);
    for (int i = 0; names != NULL && i < count; i++) {
        PyObject *name = PyUnicode_FromString(found[i]->processor);
        if (name == NULL)
            Py_CLEAR(names);
        else
            PyTuple_SET_ITEM(names, i, name);
    }
    chosen = found[0];
    const int added = names == NULL ? -1 : PyModule_AddObjectRef(module, "PROCESSORS", names);
    Py_XDECREF(names);
    return added;
}

PyMODINIT_FUNC PyInit__kernels(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && (add_processors(module) < 0 || add_network_type(module) < 0))
        Py_CLEAR(module);
    return module;
}
