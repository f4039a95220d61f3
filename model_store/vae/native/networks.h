/* Networks as Python's objects. */

#ifndef NETWORKS_H
#define NETWORKS_H

#include "arrays.h"

#include "arithmetic.h"

typedef struct {
    PyObject_HEAD
    network network;
    layer *layers;
} Network;

static PyTypeObject *network_type;

static void network_dealloc(PyObject *self)
{
    Network *made = (Network *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (int i = 0; i < made->network.count; i++) {
        PyMem_RawFree(made->layers[i].panels);
        PyMem_RawFree(made->layers[i].bias);
        PyMem_RawFree(made->layers[i].scale);
        PyMem_RawFree(made->layers[i].shift);
    }
    PyMem_Free(made->layers);
    type->tp_free(self);
    Py_DECREF(type);
}

/* So many floats, zeros but for those of the array. */
static float *copied(const Py_buffer *array, size_t count)
{
    float *copy = PyMem_RawCalloc(count, sizeof(float));
    if (copy == NULL)
        PyErr_NoMemory();
    else
        memcpy(copy, array->buf, (size_t)array->len);
    return copy;
}

/* The weights (outputs, inputs) in panels. */
static float *in_panels(const float *weight, int inputs, int outputs, size_t padded)
{
    float *panels = PyMem_RawCalloc((size_t)inputs * padded, sizeof(float)), *panel = panels;
    if (panels == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (int first = 0; first < outputs; first += PANEL) {
        const int left = outputs - first, width = panel_width(left);
        for (int o = 0; o < left && o < width; o++)
            for (int i = 0; i < inputs; i++)
                panel[(size_t)i * width + o] = weight[(size_t)(first + o) * inputs + i];
        panel += (size_t)inputs * width;
    }
    return panels;
}

/* Copies the arrays of a layer. */
static int fill_layer(layer *l, const Py_buffer *arrays)
{
    const size_t padded = (size_t)(l->outputs - l->outputs % PANEL)
                          + (l->outputs % PANEL ? (size_t)panel_width(l->outputs % PANEL) : 0);
    l->panels = in_panels(arrays[0].buf, l->inputs, l->outputs, padded);
    l->bias = copied(arrays + 1, padded);
    if (arrays[2].obj != NULL) {
        l->scale = copied(arrays + 2, (size_t)l->outputs);
        l->shift = copied(arrays + 3, (size_t)l->outputs);
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* One layer from (weight, bias, scale, shift, eps, residual). */
static int add_layer(Network *made, PyObject *item, int is_last)
{
    PyObject *objects[4];
    Py_buffer a[4];
    network *n = &made->network;
    layer *l = made->layers + n->count;
    if (!PyArg_ParseTuple(item, "OOOOfp", objects, objects + 1, objects + 2, objects + 3, &l->eps,
                          &l->residual)
        || get_arrays(objects, a, "ffoo") < 0)
        return -1;
    n->count++;
    const Py_ssize_t outputs = a[0].shape[0], inputs = columns_of(a);
    const int has_norm = a[2].obj != NULL && a[3].obj != NULL;
    const int fits = a[0].ndim == 2 && 0 < inputs && inputs < INT32_MAX && 0 < outputs
                     && outputs < INT32_MAX && count_of(a + 1) == outputs && has_norm == !is_last
                     && (!has_norm
                         || (count_of(a + 2) == outputs && count_of(a + 3) == outputs))
                     && (!l->residual || inputs == outputs)
                     && (n->count == 1 || l[-1].outputs == inputs);
    int added = check(fits, "The layers of a network");
    if (added == 0) {
        l->inputs = (int)inputs;
        l->outputs = (int)outputs;
        if (!is_last && l->outputs > n->widest)
            n->widest = l->outputs;
        added = fill_layer(l, a);
    }
    release(a, 4);
    return added;
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
    made->network.layers = made->layers;
    if (made->layers == NULL) {
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
    {Py_tp_doc, "Dense layers, their weights copied."},
    {0, NULL},
};

static PyType_Spec network_spec = {
    .name = "model_store.vae.native._kernels.Network",
    .basicsize = sizeof(Network),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = network_slots,
};

static int add_network_type(PyObject *module)
{
    network_type = (PyTypeObject *)PyType_FromSpec(&network_spec);
    if (network_type == NULL)
        return -1;
    return PyModule_AddObjectRef(module, "Network", (PyObject *)network_type);
}

/* The networks of so many arguments. */
static int get_networks(PyObject *const *args, const network **networks, int count)
{
    for (int i = 0; i < count; i++) {
        if (check(Py_IS_TYPE(args[i], network_type), "Networks and other things") < 0)
            return -1;
        networks[i] = &((Network *)args[i])->network;
    }
    return 0;
}

static int outputs_of(const network *n) { return n->layers[n->count - 1].outputs; }

#endif
