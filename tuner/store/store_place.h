/* store_place.h: what lies at a database's path, looked at before SQLite does.
 *
 * SQLite cannot read a file in WAL mode where it may create nothing (a read-only mount, a folder of
 * somebody else, an unpacked CI artifact), ignores a -wal that it is told not to look for, and
 * takes a file of 0 bytes for a new database. So the store looks first and says how to open.
 */
#ifndef VLT_TUNER_STORE_PLACE_H
#define VLT_TUNER_STORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizations/core/status.h"

typedef struct vlt_store_place {
    char *real;    /* owned: absolute, behind links; SQLite's companions lie beside it */
    bool there;    /* false: nothing is at the path yet */
    bool empty;    /* 0 bytes */
    bool wal_mode; /* the header says that what is written goes to -wal first */
    bool wal_file; /* -wal exists ... */
    bool wal;      /* ... and holds something */
    bool journal;  /* -journal holds something: a write that was not finished */
    bool shm_file; /* -shm exists */
    bool writable; /* by this process, were it not for the folder */
} vlt_store_place;

/* IO: not reachable, not readable, no regular file; LIMIT: longer than SQLite takes. A missing file
 * is fine (place->there) as long as its folder exists. Released in any case. */
vlt_status vlt_store_place_look(const char *path, vlt_store_place *place, vlt_error *err);
void vlt_store_place_release(vlt_store_place *place); /* fine on {0} */

/* IO unless files may be made and replaced in the folder of the database, as writing needs. */
vlt_status vlt_store_place_check_folder(const vlt_store_place *place, const char *path,
                                        vlt_error *err);

/* Of a network file system, by statfs's number: "NFS"; NULL: none that is known. */
const char *vlt_store_network_name(unsigned long magic);

/* May SQLite try it as it is, without leaving companions that the owner could not write later? */
bool vlt_store_place_is_plain(const vlt_store_place *place);

/* "file:///a/b%20c.db?QUERY", malloc'ed; NULL without memory. */
char *vlt_store_place_uri(const char *real, const char *query);

/* store_copy.c: copies the database with its -wal and -journal into `folder`; again, when it
 * changed meanwhile. *copy (malloc'ed) is the path of the new database. IO names the file that
 * fails. */
vlt_status vlt_store_place_copy(const vlt_store_place *place, const char *folder, char **copy,
                                vlt_error *err);

#endif
