/* corpus.h: the text of harness/model/demo/corpus.txt, prose and code in several scripts. */
#ifndef VLT_HARNESS_CORPUS_H
#define VLT_HARNESS_CORPUS_H

#include <stddef.h>

extern const unsigned char vlt_corpus[]; /* UTF-8, NFC, no NUL behind */
extern const size_t vlt_corpus_bytes;

#endif
