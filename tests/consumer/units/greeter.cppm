module;

#include <string>

export module greeter;

export import mio;

export namespace greeter {

// Sends `text` through a connection to itself and returns the received text.
mio::Result<std::string> echo(mio::Poll& poll, std::string text);

} // namespace greeter
