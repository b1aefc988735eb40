#pragma once

#include "fake_provider/script.hpp"

#include <string>
#include <string_view>

namespace eco2::fake {

/// "HTTP/1.1 200 OK" and header lines with the empty line that ends them.
std::string raw_head(int status, const Headers& headers, std::string_view framing);

/// Turns an ordinary script into one that owns the connection's bytes: a stream is chunked by hand, a whole reply announces its
/// length. The final chunk of a stream is left out: who comes here wants a broken end.
Script as_raw(Script script);

}  // namespace eco2::fake
