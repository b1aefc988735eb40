#pragma once

#include "model/calls.hpp"

#include <memory>
#include <string>
#include <string_view>

/// A word in each answer that says whose answer it is: providers have been seen to give answers under each other's ids, and
/// nothing else tells. The schema of the request allows one value only in a property of its own; what comes back is compared
/// and taken out.
namespace eco2::batch {

/// Of one line; 12 characters.
std::string echo_of(std::string_view nonce, std::int64_t line);

/// The same request with the property in its schema. A request without a schema, or with one that is no object's, stays as it
/// is.
std::shared_ptr<const GenerateRequest> with_echo(std::shared_ptr<const GenerateRequest> request, const std::string& echo);

enum class EchoFound {
    fits,
    missing,  // or nobody's: nothing can be said
    foreign,  // another line's
};

/// Takes the property out of an answer; one without it stays as it came, byte for byte.
EchoFound take_echo(std::string& text, std::string_view echo);

}  // namespace eco2::batch
