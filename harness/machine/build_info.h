/* build_info.h: what this binary was made from and how. Filled in by CMake, without a time. */
#ifndef VLT_HARNESS_BUILD_INFO_H
#define VLT_HARNESS_BUILD_INFO_H

typedef struct vlt_build_info {
    const char *version;
    const char *revision;   /* of git; "unknown" outside a repository */
    const char *compiler;   /* "GNU 12.2.0" */
    const char *type;       /* "Release" */
    const char *flags;      /* for C, beside those of the targets */
    const char *sanitizers; /* "address,undefined"; empty: none */
    const char *target;     /* "x86_64" */
    const char *libraries;  /* "hwloc 2.9.0, papi 7.0.0 ..." as found when configuring */
} vlt_build_info;

const vlt_build_info *vlt_build_info_get(void);

#endif
