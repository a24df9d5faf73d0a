/* jpeg_work.h: what a JPEG asks for, from its header and markers, before any of it is decoded.
 *
 * A file may hold any number of scans, each of which costs a pass over the image, and under
 * arithmetic coding a scan of a million blocks takes a dozen bytes. So a file pays at most
 * VLT_JPEG_SCANS scans for each of its blocks of 8 x 8 pixels, and VLT_JPEG_BYTE_BLOCKS blocks for
 * each of its bytes. (Real files have about ten scans.) A Huffman-coded block takes at least a bit:
 * one that claims more than VLT_JPEG_BYTE_BLOCKS blocks a byte holds next to nothing of its
 * picture.
 */
#ifndef VLT_JPEG_WORK_H
#define VLT_JPEG_WORK_H

#include "optimizations/jpeg_decode/jpeg_reader.h"

enum { VLT_JPEG_SCANS = 64, VLT_JPEG_BYTE_BLOCKS = 1000 };

/* For bodies, after the header was read: stops the reader (LIMIT) where data[bytes], the whole
 * file, asks for more. */
void vlt_jpeg_check_work(vlt_jpeg_reader *reader, const uint8_t *data, size_t bytes);

#endif
