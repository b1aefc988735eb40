#pragma once

#include "base/error.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace eco2 {

/// Thrown by Result::value() on an error: for start-up and configuration only, caught in main.
class ErrorException : public std::exception {
public:
    explicit ErrorException(Error error) : error_(std::move(error)), text_(error_.text()) {}
    const char* what() const noexcept override { return text_.c_str(); }
    const Error& error() const noexcept { return error_; }

private:
    Error error_;
    std::string text_;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw ErrorException(error);
}

/// A value or an Error. `if (!r) return r.error();` is the way through.
template <class T>
using Result = boost::system::result<T, Error>;

inline Error fail(Errc code, std::string detail = {}) {
    return Error{code, std::move(detail), -1};
}

}  // namespace eco2
