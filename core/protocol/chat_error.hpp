#pragma once

#include "model/calls.hpp"

#include <string>
#include <string_view>

namespace eco2 {

/// A failure in the words of OpenAI's API, whose SDKs choose their exceptions by it.
struct ChatError {
    int status = 500;
    std::string_view type = "server_error";
    std::string code;   // empty: null
    std::string param;  // the field at fault; empty: null
    std::string message;
    long retry_after_ms = -1;  // -1: waiting does not help, or nobody knows how long
};

/// The table's error as OpenAI would tell it. What a store says of files and disks is left out.
ChatError chat_error(const Error& error, std::string_view param = {});

/// A call's failure: the upstream's own code is passed on, and its status where the fault is the caller's.
ChatError chat_error(const CallError& error);

/// {"error":{"message","type","param","code"}}
std::string chat_error_json(const ChatError& error);

}  // namespace eco2
