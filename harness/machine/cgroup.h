/* cgroup.h: the folders of the cgroups that a process is in, own one first, then every ancestor. */
#ifndef VLT_HARNESS_CGROUP_H
#define VLT_HARNESS_CGROUP_H

enum { VLT_CGROUP_PATH_BYTES = 1024 };

/* `folder` is the path below `root`, of version 1 (of the controller asked for) or 2. */
typedef void vlt_cgroup_visit(void *user, const char *folder, int version);

/* Visits the cgroups of this process that may limit `controller` ("memory", "cpu"): from its own
 * folder up to the mount point, for a v1 mount of the controller and for the v2 tree, as
 * <root>/proc/self/cgroup and <root>/proc/self/mountinfo name them. Both are visited where both
 * exist; a folder that a namespace hides is left out. */
void vlt_cgroup_walk(const char *root, const char *controller, vlt_cgroup_visit *visit, void *user);

#endif
