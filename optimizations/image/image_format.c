#include "optimizations/image/image_format.h"

#include <string.h>
#include <strings.h>

bool vlt_image_sniff(const uint8_t *data, size_t bytes, vlt_image_format *format)
{
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (bytes >= sizeof jpeg && !memcmp(data, jpeg, sizeof jpeg)) {
        *format = VLT_IMAGE_JPEG;
    } else if (bytes >= sizeof png && !memcmp(data, png, sizeof png)) {
        *format = VLT_IMAGE_PNG;
    } else if (bytes >= 12 && !memcmp(data, "RIFF", 4) && !memcmp(data + 8, "WEBP", 4)) {
        *format = VLT_IMAGE_WEBP;
    } else {
        return false;
    }
    return true;
}

#define MAGIC(at, text, name)            \
    {                                    \
        at, sizeof(text) - 1, text, name \
    }

/* In order: a longer mark before one that it begins with. */
static const struct magic {
    size_t at, bytes;
    const char *mark, *name;
} magics[] = {
    MAGIC(0, "GIF8", "a GIF image"),
    MAGIC(0, "\0\0\0\fJXL \r\n\x87\n", "a JPEG XL image"),
    MAGIC(0, "\xFF\x0A", "a JPEG XL image"),
    MAGIC(0, "\0\0\0\fjP  \r\n\x87\n", "a JPEG 2000 image"),
    MAGIC(0, "\xFF\x4F\xFF\x51", "a JPEG 2000 image"),
    MAGIC(8, "CR\2\0", "a camera's raw image (CR2)"),
    MAGIC(0, "IIRO", "a camera's raw image (ORF)"),
    MAGIC(0, "IIRS", "a camera's raw image (ORF)"),
    MAGIC(0, "IIU\0", "a camera's raw image (RW2)"),
    MAGIC(0, "FUJIFILMCCD-RAW", "a camera's raw image (RAF)"),
    MAGIC(0, "II\xBC\1", "a JPEG XR image"),
    MAGIC(0, "II*\0", "a TIFF image (or a camera's raw one)"),
    MAGIC(0, "MM\0*", "a TIFF image (or a camera's raw one)"),
    MAGIC(0, "II+\0", "a BigTIFF image"),
    MAGIC(0, "MM\0+", "a BigTIFF image"),
    MAGIC(0, "8BPS", "a Photoshop image (PSD)"),
    MAGIC(0, "gimp xcf", "a GIMP image (XCF)"),
    MAGIC(0, "\0\0\1\0", "an icon (ICO)"),
    MAGIC(0, "\0\0\2\0", "a cursor (CUR)"),
    MAGIC(0, "icns", "an icon (ICNS)"),
    MAGIC(0, "%PDF", "a PDF document"),
    MAGIC(0, "%!PS", "a PostScript document"),
    MAGIC(0, "\xC5\xD0\xD3\xC6", "a PostScript document (EPS)"),
    MAGIC(0, "{\\rtf", "an RTF document"),
    MAGIC(0, "\xD0\xCF\x11\xE0", "an Office document"),
    MAGIC(0, "qoif", "a QOI image"),
    MAGIC(0, "DDS ", "a DDS texture"),
    MAGIC(0, "\x76\x2F\x31\x01", "an OpenEXR image"),
    MAGIC(0, "#?RADIANCE", "a Radiance HDR image"),
    MAGIC(0, "#?RGBE", "a Radiance HDR image"),
    MAGIC(0, "FLIF", "a FLIF image"),
    MAGIC(0, "BPG\xFB", "a BPG image"),
    MAGIC(0, "\x8AMNG", "an MNG animation"),
    MAGIC(0, "\x8BJNG", "a JNG image"),
    MAGIC(0, "AT&TFORM", "a DjVu document"),
    MAGIC(0, "\xD7\xCD\xC6\x9A", "a Windows metafile (WMF)"),
    MAGIC(40, " EMF", "a Windows metafile (EMF)"),
    MAGIC(128, "DICM", "a DICOM image"),
    MAGIC(0, "SIMPLE  =", "a FITS image"),
    MAGIC(0, "\x59\xA6\x6A\x95", "a Sun raster image"),
    MAGIC(0, "\x1F\x8B", "a gzip archive"),
    MAGIC(0, "PK\3\4", "a ZIP archive (or an Office document)"),
    MAGIC(0, "7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    MAGIC(0, "Rar!", "a RAR archive"),
    MAGIC(0,
          "\xFD"
          "7zXZ",
          "an xz archive"),
    MAGIC(0, "BZh", "a bzip2 archive"),
    MAGIC(0, "\x28\xB5\x2F\xFD", "a Zstandard archive"),
    MAGIC(0, "\x1A\x45\xDF\xA3", "a Matroska or WebM video"),
    MAGIC(0, "\0\0\1\xBA", "an MPEG video"),
    MAGIC(0, "\0\0\1\xB3", "an MPEG video"),
    MAGIC(0, "FLV\1", "a Flash video"),
    MAGIC(0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11", "a Windows Media video"),
    MAGIC(8, "AVI ", "an AVI video"),
    MAGIC(8, "WAVE", "a WAV sound"),
    MAGIC(0, "OggS", "an Ogg video or sound"),
    MAGIC(0,
          "\x7F"
          "ELF",
          "a program"),
    MAGIC(0, "SQLite format 3", "an SQLite database"),
    MAGIC(0, "version https://git-lfs", "a Git LFS pointer, not the file itself"),
    MAGIC(0, "data:", "a data URI, not the file itself"),
    MAGIC(0, "/9j/", "a JPEG image in Base64"),
    MAGIC(0, "iVBORw0KGgo", "a PNG image in Base64"),
    MAGIC(0, "UklGR", "a WebP image in Base64"),
};

/* Boxes of MPEG-4 say their kind as a brand; "mif1" and the like are told by the brands behind. */
static const struct brand {
    char mark[5];
    const char *name;
} brands[] = {
    {"avif", "an AVIF image"},
    {"avis", "an AVIF image"},
    {"heic", "a HEIC image"},
    {"heix", "a HEIC image"},
    {"heim", "a HEIC image"},
    {"heis", "a HEIC image"},
    {"hevc", "a HEIC image"},
    {"hevx", "a HEIC image"},
    {"hevm", "a HEIC image"},
    {"hevs", "a HEIC image"},
    {"jxl ", "a JPEG XL image"},
    {"jp2 ", "a JPEG 2000 image"},
    {"crx ", "a camera's raw image (CR3)"},
    {"qt  ", "a QuickTime video"},
};

static const char *brand_name(const uint8_t *data, size_t bytes)
{
    size_t box = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
    size_t end = box < bytes ? box : bytes;
    bool general = !memcmp(data + 8, "mif1", 4) || !memcmp(data + 8, "msf1", 4);
    for (size_t at = 8; at == 8 || (general && at + 4 <= end); at += at == 8 ? 8 : 4) {
        for (size_t i = 0; i < sizeof brands / sizeof *brands; i++) {
            if (!memcmp(data + at, brands[i].mark, 4)) {
                return brands[i].name;
            }
        }
    }
    return general ? "a HEIF image" : "an MP4 video";
}

static const char *text_name(const uint8_t *data, size_t bytes)
{
    static const char *const pages[] = {"<!doctype html", "<html", "<head", "<body", "<!--"};
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    if (bytes >= sizeof mark && !memcmp(data, mark, sizeof mark)) {
        data += sizeof mark;
        bytes -= sizeof mark;
    }
    while (bytes && (*data == ' ' || (*data >= '\t' && *data <= '\r'))) {
        data++;
        bytes--;
    }
    const char *text = (const char *)data;
    if (!bytes || *text != '<') {
        return bytes && (*text == '{' || *text == '[') && memchr(text, '"', bytes) ? "JSON text"
                                                                                   : NULL;
    }
    size_t looked_at = bytes < 4096 ? bytes : 4096;
    const uint8_t *svg = memmem(text, looked_at, "<svg", 4);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t length = strlen(pages[i]);
        bool comment = pages[i][1] == '!' && pages[i][2] == '-';
        if (bytes >= length && !strncasecmp(text, pages[i], length) && !(comment && svg)) {
            return "an HTML page";
        }
    }
    return svg ? "an SVG drawing" : "an XML document";
}

const char *vlt_image_format_name(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct magic *magic = &magics[i];
        if (bytes >= magic->at + magic->bytes &&
            !memcmp(data + magic->at, magic->mark, magic->bytes)) {
            return magic->name;
        }
    }
    if (bytes >= 12 && !memcmp(data + 4, "ftyp", 4)) {
        return brand_name(data, bytes);
    }
    if (bytes >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '7' && data[2] <= ' ') {
        return "a PNM image";
    }
    static const uint8_t reserved[4] = {0};
    if (bytes >= 2 && !memcmp(data, "BM", 2) &&
        (bytes < 10 || !memcmp(data + 6, reserved, sizeof reserved))) {
        return "a BMP image";
    }
    return text_name(data, bytes);
}
