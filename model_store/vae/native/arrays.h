/* Arrays from Python: buffers of float32 or float64, contiguous in C's order. */

#ifndef ARRAYS_H
#define ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

static void release(Py_buffer *arrays, int count)
{
    while (count-- > 0)
        if (arrays[count].obj != NULL)
            PyBuffer_Release(arrays + count);
}

/* The arrays of these objects. `kinds` says of each what it is: f float32, F float32 that is written
 * to, D float64 that is written to, o float32 or None, p the same and written to, x float32 or
 * float64. On failure none is held. */
static int get_arrays(PyObject *const *objects, Py_buffer *arrays, const char *kinds)
{
    int count = 0;
    for (; kinds[count] != '\0'; count++) {
        const char kind = kinds[count];
        Py_buffer *array = arrays + count;
        memset(array, 0, sizeof *array);
        if ((kind == 'o' || kind == 'p') && objects[count] == Py_None)
            continue;
        const int writable = strchr("FDp", kind) != NULL ? PyBUF_WRITABLE : 0;
        if (PyObject_GetBuffer(objects[count], array, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | writable) < 0)
            break;
        const char *formats = kind == 'D' ? "d" : kind == 'x' ? "fd" : "f";
        if (array->ndim < 1 || array->format == NULL || strlen(array->format) != 1
            || strchr(formats, array->format[0]) == NULL) {
            PyErr_Format(PyExc_ValueError, "Array %d is %s of %d axes; needed %s of one or more.",
                         count, array->format, array->ndim, formats);
            PyBuffer_Release(array);
            break;
        }
    }
    if (kinds[count] == '\0')
        return 0;
    release(arrays, count);
    return -1;
}

static Py_ssize_t columns_of(const Py_buffer *array) { return array->shape[array->ndim - 1]; }

static Py_ssize_t count_of(const Py_buffer *array) { return array->len / array->itemsize; }

static int check(int fits, const char *what)
{
    if (!fits)
        PyErr_Format(PyExc_ValueError, "%s do not fit together.", what);
    return fits ? 0 : -1;
}

static int check_arguments(Py_ssize_t came, Py_ssize_t needed)
{
    if (came != needed)
        PyErr_Format(PyExc_TypeError, "%zd arguments; needed %zd.", came, needed);
    return came == needed ? 0 : -1;
}

#endif
