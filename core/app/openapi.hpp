#pragma once

#include <string_view>

namespace eco2::app {

/// The API's description (OpenAPI 3.1), as JSON. A test keeps it and the routes the same. Lifetime: static.
std::string_view openapi_json() noexcept;

/// A page that shows the description; it loads nothing from elsewhere. Lifetime: static.
std::string_view docs_page() noexcept;

}  // namespace eco2::app
