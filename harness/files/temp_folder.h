/* temp_folder.h: folders that do not outlive their process.
 *
 * A folder is locked (flock) by the process that made it, for as long as that process lives.
 * Whoever makes one removes those beside it that nobody holds any more: what SIGKILL or a power cut
 * left. The lock, unlike a process id in the name, also tells across containers that share a
 * folder. A file system without such locks keeps what was left.
 */
#ifndef VLT_HARNESS_TEMP_FOLDER_H
#define VLT_HARNESS_TEMP_FOLDER_H

#include "optimizations/core/status.h"

/* Starts as VLT_TEMP_FOLDER_NONE. */
typedef struct vlt_temp_folder {
    char *path; /* owned; NULL: none */
    int lock;   /* descriptor; -1: none */
} vlt_temp_folder;

#define VLT_TEMP_FOLDER_NONE ((vlt_temp_folder){0, -1})

/* $TMPDIR/vltune-tmp-PURPOSE-XXXXXX ($TMPDIR not set: /tmp). IO names the folder and the reason. */
vlt_status vlt_temp_folder_make(const char *purpose, vlt_temp_folder *folder, vlt_error *err);

/* PATH.vltune-tmp-XXXXXX, for what gets the name `path` (without slashes at its end) when it is
 * whole. */
vlt_status vlt_temp_folder_make_beside(const char *path, vlt_temp_folder *folder, vlt_error *err);

/* Gives the folder its name; an empty folder of that name is replaced. On failure it is still to be
 * removed. */
vlt_status vlt_temp_folder_keep(vlt_temp_folder *folder, const char *path, vlt_error *err);

/* Removes the folder with everything in it; fine on VLT_TEMP_FOLDER_NONE and when called twice. */
void vlt_temp_folder_remove(vlt_temp_folder *folder);

#endif
