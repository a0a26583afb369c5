# The README's first program is identical to examples/first.cpp.
file(READ ${SOURCE_DIR}/examples/first.cpp program)
file(READ ${SOURCE_DIR}/README.md readme)
string(FIND "${readme}" "```cpp\n${program}```\n" place)
if(place EQUAL -1)
    message(FATAL_ERROR "README.md does not show examples/first.cpp as it is")
endif()
