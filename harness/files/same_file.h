/* same_file.h: do two paths mean one file, whatever they are called?
 *
 * Links of both kinds and ways through folders are seen through. A file that is not there yet is
 * its folder and its name. Devices, pipes and sockets are nobody's: they are the same as nothing.
 */
#ifndef VLT_HARNESS_SAME_FILE_H
#define VLT_HARNESS_SAME_FILE_H

#include <stdbool.h>

bool vlt_same_file(const char *a, const char *b);

/* Is the path, which must be a file that is there, a direct member of that folder? */
bool vlt_folder_has_file(const char *folder, const char *path);

#endif
