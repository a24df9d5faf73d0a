#include "optimizations/core/packs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/clock.h"

/* A list is enough: a model has a few hundred weights, and they are looked up when plans are made.
 */
struct vlt_pack {
    vlt_packs *packs; /* NULL: the caller's own */
    vlt_pack *next;
    uint64_t id;
    char kind[VLT_PACK_KIND_BYTES];
    size_t bytes;
    const void *data;
    vlt_policy_block own; /* where it is not from the shelf */
    bool mapped;          /* from the shelf */
    bool ready;           /* made; until then others wait */
    int users;
};

struct vlt_packs {
    pthread_mutex_t lock;
    pthread_cond_t made;
    vlt_pack_shelf shelf;            /* {0}: none */
    vlt_admit_function *admit;       /* NULL: nobody is asked */
    const vlt_memory_policy *policy; /* NULL: as the system gives it */
    void *admit_user;
    vlt_pack *first;
    vlt_packs_stats stats;
};

vlt_status vlt_packs_create(const vlt_pack_shelf *shelf, vlt_packs **out, vlt_error *err)
{
    vlt_packs *packs = *out = calloc(1, sizeof *packs);
    if (!packs) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "packs: out of memory");
    }
    pthread_mutex_init(&packs->lock, NULL);
    pthread_cond_init(&packs->made, NULL);
    if (shelf) {
        packs->shelf = *shelf;
    }
    return VLT_OK;
}

void vlt_packs_ask(vlt_packs *packs, vlt_admit_function *admit, void *user)
{
    packs->admit = admit;
    packs->admit_user = user;
}

void vlt_packs_follow(vlt_packs *packs, const vlt_memory_policy *policy)
{
    packs->policy = policy;
}

void vlt_packs_destroy(vlt_packs *packs)
{
    if (packs) {
        pthread_cond_destroy(&packs->made);
        pthread_mutex_destroy(&packs->lock);
        free(packs);
    }
}

static vlt_pack *find(const vlt_packs *packs, const vlt_pack_request *request)
{
    for (vlt_pack *pack = packs->first; pack; pack = pack->next) {
        if (pack->id == request->matrix->id && pack->bytes == request->bytes &&
            !strcmp(pack->kind, request->kind)) {
            return pack;
        }
    }
    return NULL;
}

static bool may_be_shelved(const vlt_packs *packs, const vlt_pack_request *request)
{
    return packs && packs->shelf.find && request->lossy && request->matrix->id;
}

/* From the shelf, or by fill. Nobody else uses the pack yet. */
static vlt_status make(vlt_packs *packs, vlt_pack *pack, const vlt_pack_request *request,
                       vlt_error *err)
{
    const vlt_memory_policy *policy = packs ? packs->policy : NULL;
    bool shelved = may_be_shelved(packs, request);
    pack->data = shelved ? packs->shelf.find(packs->shelf.user, request) : NULL;
    pack->mapped = pack->data != NULL;
    if (pack->data) {
        if (policy && policy->visit) {
            policy->visit(policy->user, pack->data, request->bytes);
        }
        return VLT_OK;
    }
    vlt_status status = packs && packs->admit
                            ? packs->admit(packs->admit_user, request->bytes, "a weight", err)
                            : VLT_OK;
    if (status == VLT_OK) {
        status = vlt_policy_block_take(policy, request->bytes, &pack->own, err);
    }
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "weight packed as %s: ", request->kind);
    }
    status = request->fill(request, pack->own.data, err);
    if (status != VLT_OK) {
        vlt_policy_block_release(&pack->own);
        return status;
    }
    pack->data = pack->own.data;
    if (shelved) {
        packs->shelf.keep(packs->shelf.user, request, pack->data);
    }
    if (request->matrix->mapped) {
        vlt_pages_forget(request->matrix->data,
                         (size_t)request->matrix->rows * request->matrix->row_bytes);
    }
    return VLT_OK;
}

static void free_pack(vlt_pack *pack)
{
    if (pack->mapped) {
        pack->packs->shelf.unmap(pack->packs->shelf.user, pack->data, pack->bytes);
    } else {
        vlt_policy_block_release(&pack->own);
    }
    free(pack);
}

static vlt_pack *new_pack(vlt_packs *packs, const vlt_pack_request *request)
{
    vlt_pack *pack = strlen(request->kind) < VLT_PACK_KIND_BYTES ? calloc(1, sizeof *pack) : NULL;
    if (pack) {
        pack->packs = packs;
        pack->id = request->matrix->id;
        pack->bytes = request->bytes;
        pack->users = 1;
        memcpy(pack->kind, request->kind, strlen(request->kind));
    }
    return pack;
}

static void unlink_pack(vlt_packs *packs, const vlt_pack *pack)
{
    vlt_pack **link = &packs->first;
    while (*link != pack) {
        link = &(*link)->next;
    }
    *link = pack->next;
}

static void count_pack(vlt_packs *packs, const vlt_pack *pack, double since_ms)
{
    packs->stats.bytes += pack->bytes;
    packs->stats.mapped += pack->mapped ? pack->bytes : 0;
    packs->stats.count++;
    packs->stats.made += !pack->mapped;
    packs->stats.found += pack->mapped;
    packs->stats.make_ms += vlt_now_ms() - since_ms;
}

/* Under the lock: the pack that is there, once it is ready; NULL when its maker failed. */
static vlt_pack *wait_for(vlt_packs *packs, const vlt_pack_request *request)
{
    vlt_pack *pack = find(packs, request);
    while (pack && !pack->ready) {
        pthread_cond_wait(&packs->made, &packs->lock);
        pack = find(packs, request);
    }
    return pack;
}

static vlt_status take_shared(vlt_packs *packs, const vlt_pack_request *request,
                              const vlt_pack **out, vlt_error *err)
{
    pthread_mutex_lock(&packs->lock);
    vlt_pack *pack = wait_for(packs, request);
    if (pack) {
        pack->users++;
        pthread_mutex_unlock(&packs->lock);
        *out = pack;
        return VLT_OK;
    }
    pack = new_pack(packs, request);
    if (pack) {
        pack->next = packs->first;
        packs->first = pack;
    }
    pthread_mutex_unlock(&packs->lock);
    if (!pack) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "packs: no memory for %s", request->kind);
    }
    double start_ms = vlt_now_ms();
    vlt_status status = make(packs, pack, request, err);
    pthread_mutex_lock(&packs->lock);
    if (status == VLT_OK) {
        pack->ready = true;
        count_pack(packs, pack, start_ms);
    } else {
        unlink_pack(packs, pack);
        free(pack);
        pack = NULL;
    }
    pthread_cond_broadcast(&packs->made);
    pthread_mutex_unlock(&packs->lock);
    *out = pack;
    return status;
}

vlt_status vlt_packs_take(vlt_packs *packs, const vlt_pack_request *request, const vlt_pack **out,
                          vlt_error *err)
{
    *out = NULL;
    if (packs && request->matrix->id) {
        return take_shared(packs, request, out, err);
    }
    vlt_pack *pack = new_pack(NULL, request);
    if (!pack) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "packs: no memory for %s", request->kind);
    }
    vlt_status status = make(NULL, pack, request, err);
    if (status != VLT_OK) {
        free(pack);
        return status;
    }
    *out = pack;
    return VLT_OK;
}

void vlt_packs_drop(const vlt_pack *shared)
{
    vlt_pack *pack = (vlt_pack *)shared;
    vlt_packs *packs = pack ? pack->packs : NULL;
    if (!packs) {
        if (pack) {
            free_pack(pack);
        }
        return;
    }
    pthread_mutex_lock(&packs->lock);
    bool last = --pack->users == 0;
    if (last) {
        unlink_pack(packs, pack);
        packs->stats.bytes -= pack->bytes;
        packs->stats.mapped -= pack->mapped ? pack->bytes : 0;
        packs->stats.count--;
    }
    pthread_mutex_unlock(&packs->lock);
    if (last) {
        free_pack(pack);
    }
}

const void *vlt_pack_data(const vlt_pack *pack)
{
    return pack->data;
}

vlt_packs_stats vlt_packs_look(vlt_packs *packs)
{
    vlt_packs_stats stats = {0};
    if (packs) {
        pthread_mutex_lock(&packs->lock);
        stats = packs->stats;
        pthread_mutex_unlock(&packs->lock);
    }
    return stats;
}
