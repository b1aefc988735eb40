#pragma once

#include "fake_provider/answer_wire.hpp"
#include "fake_provider/behaviour.hpp"
#include "fake_provider/bill.hpp"
#include "fake_provider/chat_request.hpp"
#include "fake_provider/fake_options.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace eco2::fake {

/// Bytes of a reply and when they are due, counted from the whole request.
struct Part {
    std::chrono::microseconds at{0};
    std::string bytes;
    std::int64_t tokens = 0;   // output tokens that are billed with these bytes
    bool tells_usage = false;  // with these bytes the client knows what the answer costs
};

/// All that will happen to one request, decided before the first byte: a value that tests can look at.
struct Script {
    enum class Form {
        whole,    // one part: an ordinary reply with status and headers
        stream,   // head with the first part, body parts as they fall due
        raw,      // the parts are the connection's bytes, head included
        silence,  // nothing, ever
    };

    Form form = Form::whole;
    int status = 200;
    Headers headers;  // content-type included
    std::vector<Part> parts;
    bool hangs = false;              // stream, raw: stays open after the last part
    bool resets = false;             // raw: ends with RST, not FIN
    bool is_broken = false;          // raw: the client cannot get a whole answer
    std::int64_t prompt_tokens = 0;  // billed when the work starts; 0: nothing is billed
    Answered answered = Answered::nothing;
    BilledRequest entry;  // who asked; for the bill
};

/// One request in its surroundings.
struct Scene {
    const ChatRequest& request;
    const Behaviour& behaviour;
    const Latency& latency;
    const Answers& answers;
    std::uint64_t number = 0;  // of the request, from 1
    std::uint64_t seed = 1;
    std::int64_t created = 0;  // seconds since 1970
};

Script plan(const Scene& scene);

/// The wait that a behaviour's hints ask for; zero: none that is a number.
std::chrono::milliseconds hinted_wait(const Behaviour& behaviour);

/// An error reply, at once.
Script refusal(Dialect dialect, const ApiFault& fault, std::uint64_t number);

/// A number in [0, 1) that depends on nothing but its arguments.
double dice(std::uint64_t seed, std::uint64_t number, std::uint64_t purpose) noexcept;

}  // namespace eco2::fake
