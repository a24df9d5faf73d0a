/* need.h: what a variant needs beside an instruction set: the fourth column of the catalogue.
 *
 * A device is a need of the run: such variants are always compiled, and applicable where the
 * context has one. The others are build options (-DVLT_WITH_<NEED>=ON): CMake leaves their lines
 * and files out of a build without the option, so that what is in the table is there.
 */
#ifndef VLT_CORE_NEED_H
#define VLT_CORE_NEED_H

/* X(code, name for people) */
#define VLT_NEED_MAP(X)     \
    X(NONE, "-")            \
    X(DEVICE, "device")     \
    X(OPENBLAS, "OpenBLAS") \
    X(ONEDNN, "oneDNN")     \
    X(OPENCV, "OpenCV")     \
    X(MIMALLOC, "mimalloc")

typedef enum vlt_need {
#define VLT_NEED_ENUM(code, name) VLT_NEED_##code,
    VLT_NEED_MAP(VLT_NEED_ENUM)
#undef VLT_NEED_ENUM
} vlt_need;

#endif
