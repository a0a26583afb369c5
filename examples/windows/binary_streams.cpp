// Standard input and output as they are everywhere else: the bytes themselves. Windows would make two characters of every
// line end, and take Ctrl-Z for the end of the input.

#include <fcntl.h>
#include <io.h>
#include <stdio.h>

namespace {

[[maybe_unused]] const bool binary = [] {
    return ::_setmode(::_fileno(stdin), _O_BINARY) != -1 && ::_setmode(::_fileno(stdout), _O_BINARY) != -1;
}();

} // namespace
