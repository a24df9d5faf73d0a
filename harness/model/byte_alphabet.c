#include "harness/model/byte_alphabet.h"

int vlt_byte_alphabet_code_point(uint8_t byte)
{
    if ((byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD)) {
        return byte;
    }
    return 0x100 + (byte <= 0x20 ? byte : byte < 0xAD ? 0x21 + byte - 0x7F : 0x43);
}

int vlt_byte_alphabet_id(uint8_t byte)
{
    int code = vlt_byte_alphabet_code_point(byte);
    return code >= 0x100 ? code - 0x100 + 188
                         : code - 0x21 - (code >= 0xA1 ? 0xA1 - 0x7F : 0) - (code > 0xAD ? 1 : 0);
}
