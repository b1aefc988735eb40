#pragma once

#include "base/result.hpp"
#include "fake_provider/account_plan.hpp"
#include "fake_provider/batch_faults.hpp"
#include "fake_provider/behaviour.hpp"
#include "fake_provider/bill.hpp"
#include "fake_provider/mix.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace eco2::fake {

/// When an answer comes. Times run from the whole request to the last byte of the reply.
struct Latency {
    int vision_ms = 400;
    int answer_ms = 600;           // also for requests that are neither vision nor answer
    int first_token_ms = -1;       // streams; -1: 40 % of the whole time
    double tokens_per_second = 0;  // streams; above 0 it replaces vision_ms and answer_ms as what sets the end
    int jitter_percent = 0;        // each time is drawn evenly from +- so much, by `seed` and the request's number
    int pieces_max = 40;           // content chunks of a stream, unless tokens_per_second says one a token; plain: one a word
    int pacing_ms = -1;            // streams; -1: spread evenly; else the time between content chunks
};

enum class ClassPick {
    by_image,  // the same photo gives the same class
    round_robin,
};

/// What the made-up answers say.
struct Answers {
    std::vector<std::string> classes;  // "major/middle/minor" or "major/middle"; the default is the 12 recyclable classes
    ClassPick pick = ClassPick::by_image;
    std::vector<std::string> situation_tags;
    std::vector<std::string> insufficiencies;
    std::string text;  // of every plain answer; a token is a word with the blank before it

    Answers();
};

struct FakeOptions {
    std::string host = "127.0.0.1";
    unsigned short port = 0;  // 0: the system picks
    Latency latency;
    Answers answers;
    bool require_key = false;     // 401 without `Authorization: Bearer …`
    std::string key;              // the only key that is taken; empty: any
    int requests_per_minute = 0;  // above 0: true x-ratelimit-* headers, and 429 beyond it; of all that `accounts` leave out
    AccountPlan accounts;         // limits by account and key, in the same way; keys that are not in it get 401
    double fault_scale = 1;       // multiplies the times of the models that misbehave by their name
    FaultMix mix;                 // drawn for requests that nothing else hits
    Prices prices;
    std::uint64_t seed = 1;
    std::vector<std::string> models{"gpt-5.2", "gpt-5.2-mini", "gpt-5.1"};  // what GET /v1/models lists; any name is answered
    Behaviour behaviour;
    BatchRules::State batch;
    std::string batch_directory;  // where files are kept while it runs; empty: the system's place for temporary files
};

/// Errors: invalid_field, with the option's name.
Result<void> check(const Latency& latency);
Result<void> check(const Answers& answers);
Result<FakeOptions> checked(FakeOptions options);

/// `latency` with the keys of `json` put in. Errors: invalid_field.
Result<Latency> read_latency(Latency latency, const boost::json::object& json);
Result<Answers> read_answers(Answers answers, const boost::json::object& json);

/// What a person sees at start-up and at GET /: that everything here is made up, and where to turn the screws.
std::string banner(const FakeOptions& options, unsigned short port);

}  // namespace eco2::fake
