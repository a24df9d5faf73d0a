/* collection.h: recorded spaces in a folder: a folder for each kernel, a file for each machine. */
#ifndef VLT_TUNER_COLLECTION_H
#define VLT_TUNER_COLLECTION_H

#include "tuner/replay/recorded.h"

typedef struct vlt_collection {
    vlt_recorded **space; /* owned, by name: "KERNEL/MACHINE" */
    int count;
    char **note; /* owned: what a reader should know, "FILE: 7 of 132 settings are recorded" */
    int note_count;
} vlt_collection;

/* Reads every .json and .json.gz of DIR/KERNEL/, or of DIR itself where it has no folders: T4
 * results, Kernel Tuner caches, T1 parameters; metadata is passed over, with a note where the file
 * is named as T4 results. MACHINE is the file's name without its ending and without _T4; of two
 * files of one machine the T4 one is read. `where` may be NULL. Calls progress(user, path) before
 * each file; it may be NULL. INPUT names file and place; also when there is no recorded space at
 * all. */
vlt_status vlt_collection_read(const char *directory, vlt_restriction *where,
                               void (*progress)(void *user, const char *path), void *user,
                               vlt_collection *out, vlt_error *err);
void vlt_collection_release(vlt_collection *collection); /* fine on {0} */

enum { VLT_TOP_MAX = 512 };

/* The best correct settings of `from` that `to` has too, best first: setting[], cost[] (natural
 * logarithm of the time over the best one's), at most VLT_TOP_MAX. Parameters go by name. Returns
 * how many; 0 also where the parameters are not the same. */
int vlt_recorded_top(const vlt_recorded *from, const vlt_recorded *to, uint64_t *setting,
                     double *cost, vlt_error *err);

#endif
