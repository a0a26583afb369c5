// Sets standard input and output to binary mode. In text mode, Windows translates line endings and treats
// Ctrl-Z as end of input.

#include <fcntl.h>
#include <io.h>
#include <stdio.h>

namespace {

[[maybe_unused]] const bool binary = [] {
    return ::_setmode(::_fileno(stdin), _O_BINARY) != -1 && ::_setmode(::_fileno(stdout), _O_BINARY) != -1;
}();

} // namespace
