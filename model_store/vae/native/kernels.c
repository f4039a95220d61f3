/* What __init__.py beside this offers, for Python: arithmetic that touches memory once, and a pass of
 * a few rows through a VAE that is one call.
 *
 * Arrays come as buffers of float32 or float64, contiguous in C's order; what is written to is
 * allocated by the caller. Shapes are looked at here, so that no mistake in Python reads or writes
 * elsewhere. */

#include "arrays.h"

#include "arithmetic.h"


typedef struct {
    PyObject_HEAD
    int count, widest;
    layer *layers;
    Py_buffer *arrays; /* four of each layer */
} Network;

static PyTypeObject *network_type;

static void network_dealloc(PyObject *self)
{
    Network *made = (Network *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (made->arrays != NULL)
        release(made->arrays, 4 * made->count);
    PyMem_Free(made->arrays);
    PyMem_Free(made->layers);
    type->tp_free(self);
    Py_DECREF(type);
}

/* One layer from (weight, bias, scale, shift, eps, residual). */
static int add_layer(Network *made, PyObject *item, int is_last)
{
    PyObject *objects[4];
    layer *l = made->layers + made->count;
    Py_buffer *arrays = made->arrays + 4 * made->count;
    if (!PyArg_ParseTuple(item, "OOOOfp", objects, objects + 1, objects + 2, objects + 3, &l->eps,
                          &l->residual)
        || get_arrays(objects, arrays, "ffoo") < 0)
        return -1;
    made->count++;
    const int has_norm = arrays[2].obj != NULL && arrays[3].obj != NULL;
    if (check(arrays[0].ndim == 2 && columns_of(arrays) < INT32_MAX && arrays[0].shape[0] < INT32_MAX,
              "The axes of a weight") < 0)
        return -1;
    l->inputs = (int)arrays[0].shape[0];
    l->outputs = (int)columns_of(arrays);
    l->weight = arrays[0].buf;
    l->bias = arrays[1].buf;
    l->scale = arrays[2].buf;
    l->shift = arrays[3].buf;
    if (!is_last && l->outputs > made->widest)
        made->widest = l->outputs;
    return check(count_of(arrays + 1) == l->outputs && has_norm == !is_last
                     && (!has_norm || (count_of(arrays + 2) == l->outputs
                                       && count_of(arrays + 3) == l->outputs))
                     && (!l->residual || l->inputs == l->outputs)
                     && (made->count == 1 || l[-1].outputs == l->inputs),
                 "The layers of a network");
}

static PyObject *network_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"layers", NULL};
    PyObject *layers;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!", names, &PyList_Type, &layers))
        return NULL;
    const Py_ssize_t count = PyList_GET_SIZE(layers);
    if (check(count > 0 && count < 1 << 16, "The layers of a network") < 0)
        return NULL;
    Network *made = (Network *)type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    made->layers = PyMem_Calloc((size_t)count, sizeof(layer));
    made->arrays = PyMem_Calloc((size_t)count, 4 * sizeof(Py_buffer));
    if (made->layers == NULL || made->arrays == NULL) {
        Py_DECREF(made);
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (add_layer(made, PyList_GET_ITEM(layers, i), i == count - 1) < 0) {
            Py_DECREF(made);
            return NULL;
        }
    return (PyObject *)made;
}

static PyType_Slot network_slots[] = {
    {Py_tp_new, network_new},
    {Py_tp_dealloc, network_dealloc},
    {Py_tp_doc, "Dense layers whose weights are held as they are."},
    {0, NULL},
};

static PyType_Spec network_spec = {
    .name = "model_store.vae.native._kernels.Network",
    .basicsize = sizeof(Network),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = network_slots,
};

/* ---- Functions ------------------------------------------------------------------------------- */

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
        norm_silu_rows(a[0].buf, a[1].buf, a[2].buf, a[3].buf, (float)eps,
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
        bernoulli_log_prob_rows(a[0].buf, a[1].buf, a[2].buf, (size_t)count_of(a + 2),
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
        are = is_wide ? are_binary_wide(a[0].buf, a[1].buf, (size_t)count_of(a))
                      : are_binary(a[0].buf, (size_t)count_of(a));
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
    if (check_arguments(count, 3) < 0
        || check(Py_IS_TYPE(args[0], network_type), "Networks and other things") < 0
        || get_arrays(args + 1, a, "fF") < 0)
        return NULL;
    const Network *made = (Network *)args[0];
    const int inputs = made->layers->inputs, outputs = made->layers[made->count - 1].outputs;
    const Py_ssize_t rows = inputs > 0 ? count_of(a) / inputs : 0;
    const int fits = rows < 1 << 20 && count_of(a) == rows * inputs
                     && count_of(a + 1) == rows * outputs;
    float *scratch = NULL;
    if (check(fits, "A network and its arrays") == 0)
        scratch = scratch_for(2 * (size_t)rows * (size_t)made->widest);
    if (scratch != NULL) {
        Py_BEGIN_ALLOW_THREADS
        network_rows(made->layers, made->count, a[0].buf, a[1].buf, (int)rows, scratch,
                     made->widest);
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
        const draws d = {a[0].buf, a[1].buf, (float)low, (float)high, (int)rows,
                         (int)samples, (int)latents, a[2].buf, a[3].buf, a[4].buf};
        Py_BEGIN_ALLOW_THREADS
        draw_rows(&d);
        Py_END_ALLOW_THREADS
    }
    release(a, 5);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *weigh(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    Py_buffer a[4];
    if (check_arguments(count, 8) < 0
        || check(Py_IS_TYPE(args[0], network_type) && Py_IS_TYPE(args[1], network_type),
                 "Networks and other things") < 0)
        return NULL;
    const Network *encoder = (Network *)args[0], *decoder = (Network *)args[1];
    const double low = PyFloat_AsDouble(args[6]), high = PyFloat_AsDouble(args[7]);
    if (PyErr_Occurred() || get_arrays(args + 2, a, "ffDD") < 0)
        return NULL;
    const int features = encoder->layers->inputs, latents = decoder->layers->inputs;
    const Py_ssize_t rows = count_of(a + 3), drawn = count_of(a + 2);
    const Py_ssize_t samples = rows > 0 ? drawn / rows : 0;
    const int fits = encoder->layers[encoder->count - 1].outputs == 2 * latents
                     && decoder->layers[decoder->count - 1].outputs == features
                     && drawn < 1 << 20 && drawn == rows * samples
                     && count_of(a) == rows * features && count_of(a + 1) == samples * latents;
    const draws d = {NULL, a[1].buf, (float)low, (float)high, (int)rows,
                     (int)samples, latents, NULL, a[2].buf, a[3].buf};
    const int widest = encoder->widest > decoder->widest ? encoder->widest : decoder->widest;
    float *scratch = NULL;
    if (check(fits, "Networks and their arrays") == 0)
        scratch = scratch_for(scratch_of(decoder->layers, decoder->count, &d, widest));
    if (scratch != NULL) {
        Py_BEGIN_ALLOW_THREADS
        weigh_rows(encoder->layers, encoder->count, decoder->layers, decoder->count, a[0].buf, d,
                   widest, scratch);
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(scratch);
    release(a, 4);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"norm_silu", (PyCFunction)(void (*)(void))norm_silu, METH_FASTCALL, NULL},
    {"bernoulli_log_prob", (PyCFunction)(void (*)(void))bernoulli_log_prob, METH_FASTCALL, NULL},
    {"are_binary", (PyCFunction)(void (*)(void))are_all_binary, METH_FASTCALL, NULL},
    {"forward", (PyCFunction)(void (*)(void))forward, METH_FASTCALL, NULL},
    {"draw", (PyCFunction)(void (*)(void))draw, METH_FASTCALL, NULL},
    {"weigh", (PyCFunction)(void (*)(void))weigh, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_kernels", .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit__kernels(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    network_type = (PyTypeObject *)PyType_FromSpec(&network_spec);
    if (network_type == NULL
        || PyModule_AddObjectRef(module, "Network", (PyObject *)network_type) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
