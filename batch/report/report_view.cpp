#include "batch/report/report_view.hpp"

#include "base/utc.hpp"
#include "batch/report/report_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace eco2::batch {
namespace {

constexpr std::array<ItemState, 4> kItemStates = {ItemState::done, ItemState::failed, ItemState::asked, ItemState::waiting};
constexpr std::size_t kLabelColumns = 9;   // "incidents"
constexpr std::size_t kTextColumns = 200;  // of what providers say

template <class Key>
std::int64_t count_of(const std::map<Key, std::int64_t>& counts, Key key) {
    const auto found = counts.find(key);
    return found != counts.end() ? found->second : 0;
}

template <class Key>
std::int64_t sum_of(const std::map<Key, std::int64_t>& counts) {
    std::int64_t sum = 0;
    for (const auto& [key, count] : counts) {
        sum += count;
    }
    return sum;
}

std::int64_t saved(const Money& money) {
    return money.synchronous - money.booked;
}

Money sum_of(const std::vector<JobReport>& jobs) {
    Money sum;
    for (const auto& job : jobs) {
        sum.estimated += job.money.estimated;
        sum.reserved += job.money.reserved;
        sum.booked += job.money.booked;
        sum.synchronous += job.money.synchronous;
        sum.unexplained += job.money.unexplained;
    }
    return sum;
}

std::string time_or(std::int64_t wall_ns, std::string_view otherwise) {
    return wall_ns < 0 ? std::string(otherwise) : utc_text(wall_ns);
}

// for people

std::string labelled(std::string_view label, const std::string& text) {
    return "  " + padded(label, kLabelColumns) + "  " + text + "\n";
}

std::string money_text(const Money& money) {
    return "booked " + usd_text(money.booked) + " USD, reserved " + usd_text(money.reserved) + ", estimated " +
           usd_text(money.estimated) + "; live it would have been " + usd_text(money.synchronous) + ", saved " +
           usd_text(saved(money)) + "; unexplained " + usd_text(money.unexplained);
}

std::string items_text(const JobReport& job) {
    std::string out = count_text(sum_of(job.items), "item");
    for (const auto state : kItemStates) {
        if (const auto count = count_of(job.items, state); count > 0) {
            out += ", " + std::to_string(count) + " " + std::string(name_of(state));
        }
    }
    return out;
}

std::string stage_text(const JobReport::Stage& stage) {
    std::string out = count_text(stage.requests, "request") + " (" + std::to_string(stage.cached) + " cached), " +
                      std::to_string(stage.shards) + (stage.shards == 1 ? " batch, " : " batches, ") +
                      count_text(stage.attempts, "attempt");
    std::string retries;
    for (const auto& [retry, count] : stage.retries) {
        if (count > 0) {
            retries += (retries.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(name_of(retry));
        }
    }
    return out + (retries.empty() ? "" : "; without a usable answer: " + retries);
}

std::string incident_text(const JobReport::IncidentCount& incident) {
    std::string words(name_of(incident.incident));
    std::replace(words.begin(), words.end(), '_', ' ');
    return std::to_string(incident.count) + " " + words +
           (incident.example.empty() ? "" : ", such as " + fit(incident.example, kTextColumns));
}

std::string dead_letters_text(const JobReport& job, const JobReport::DeadLetters& letters) {
    const auto command = retry_command(job.job, letters.retry);
    return "    " + std::to_string(letters.count) + " x " + letters.stage + ": " + fit(letters.cause, kTextColumns) + "\n" +
           "      such as " + fit(letters.example, kTextColumns) + "; " +
           (command.empty() ? "mend the items, then give them to a new job" : "again: " + command) + "\n";
}

std::string job_text(const JobReport& job) {
    std::string out = "job " + job.job + "  " + job.pipeline + "  " + std::string(name_of(job.state)) +
                      (job.reason.empty() ? "" : ": " + fit(job.reason, kTextColumns)) + "\n";
    out += labelled(
        "time", time_or(job.created_at_ns, "-") + " to " + time_or(job.ended_at_ns, "now") + ", " + duration_text(job.elapsed));
    out += labelled("items", items_text(job));
    for (const auto& stage : job.stages) {
        out += labelled(stage.name, stage_text(stage));
    }
    out += labelled("tokens",
                    std::to_string(job.tokens.input) + " in (" + std::to_string(job.tokens.cached_input) + " cached), " +
                        std::to_string(job.tokens.output) + " out");
    out += labelled("money", money_text(job.money));
    out += labelled("cap", job.money.cap > 0 ? usd_text(job.money.cap) + " USD" : "none");
    out += job.pilot.empty() ? "" : labelled("pilot", fit(job.pilot, kTextColumns));
    std::string incidents;
    for (const auto& incident : job.incidents) {
        if (incident.count > 0) {
            incidents += labelled(incidents.empty() ? "incidents" : "", incident_text(incident));
        }
    }
    out += incidents.empty() ? labelled("incidents", "none") : incidents;
    if (!job.dead_letters.empty()) {
        out += "  failed\n";
        for (const auto& letters : job.dead_letters) {
            out += dead_letters_text(job, letters);
        }
    }
    return out;
}

// for scripts

void add_sums(JsonObject& object, const Money& money) {
    object.usd("booked_usd", money.booked)
        .usd("reserved_usd", money.reserved)
        .usd("estimated_usd", money.estimated)
        .usd("synchronous_usd", money.synchronous)
        .usd("saved_usd", saved(money))
        .usd("unexplained_usd", money.unexplained);
}

std::string items_json(const JobReport& job) {
    JsonObject object;
    object.number("total", sum_of(job.items));
    for (const auto state : kItemStates) {
        object.number(name_of(state), count_of(job.items, state));
    }
    return object.done();
}

std::string stage_json(const JobReport::Stage& stage) {
    JsonObject retries;
    for (const auto& [retry, count] : stage.retries) {
        retries.number(name_of(retry), count);
    }
    return JsonObject()
        .text("name", stage.name)
        .number("requests", stage.requests)
        .number("cached", stage.cached)
        .number("shards", stage.shards)
        .number("attempts", stage.attempts)
        .raw("retries", retries.done())
        .done();
}

std::string money_json(const Money& money) {
    JsonObject object;
    add_sums(object, money);
    money.cap > 0 ? object.usd("cap_usd", money.cap) : object.null("cap_usd");
    return object.done();
}

std::string incident_json(const JobReport::IncidentCount& incident) {
    return JsonObject()
        .text("incident", name_of(incident.incident))
        .number("count", incident.count)
        .text_or_null("example", incident.example)
        .done();
}

std::string job_json(const JobReport& job) {
    JsonObject tokens;
    tokens.number("input", job.tokens.input)
        .number("cached_input", job.tokens.cached_input)
        .number("output", job.tokens.output);
    const auto letters_json = [&job](const JobReport::DeadLetters& letters) {
        return JsonObject()
            .text("class", name_of(letters.retry))
            .text("stage", letters.stage)
            .text("cause", letters.cause)
            .number("count", letters.count)
            .text("example", letters.example)
            .text_or_null("retry_command", retry_command(job.job, letters.retry))
            .done();
    };
    return JsonObject()
        .text("job", job.job)
        .text("pipeline", job.pipeline)
        .text("state", name_of(job.state))
        .text_or_null("reason", job.reason)
        .text_or_null("created_at", time_or(job.created_at_ns, ""))
        .text_or_null("ended_at", time_or(job.ended_at_ns, ""))
        .milliseconds("elapsed_ms", job.elapsed)
        .raw("items", items_json(job))
        .raw("stages", json_array(job.stages, stage_json))
        .raw("money", money_json(job.money))
        .text_or_null("pilot", job.pilot)
        .raw("tokens", tokens.done())
        .raw("incidents", json_array(job.incidents, incident_json))
        .raw("dead_letters", json_array(job.dead_letters, letters_json))
        .done();
}

}  // namespace

std::string_view name_of(JobReport::Incident incident) noexcept {
    static constexpr std::array<std::string_view, 9> kNames = {"swapped_answers",
                                                               "duplicate_answers",
                                                               "conflicting_answers",
                                                               "unknown_ids",
                                                               "missing_answers",
                                                               "adopted_batches",
                                                               "orphans",
                                                               "vanished_batches",
                                                               "estimated_costs"};
    const auto index = static_cast<std::size_t>(incident);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string retry_command(const std::string& job, RetryClass retry) {
    if (retry == RetryClass::none || retry == RetryClass::fix_body) {
        return {};
    }
    return "eco2 batch retry " + job + " --class " + std::string(name_of(retry));
}

std::string report_text(const std::vector<JobReport>& jobs) {
    std::string out;
    for (const auto& job : jobs) {
        out += (out.empty() ? "" : "\n") + job_text(job);
    }
    if (jobs.size() != 1) {
        out += (out.empty() ? "" : "\n") + count_text(static_cast<std::int64_t>(jobs.size()), "job") + ": " +
               money_text(sum_of(jobs)) + "\n";
    }
    return out;
}

std::string report_json(const std::vector<JobReport>& jobs) {
    JsonObject object;
    add_sums(object, sum_of(jobs));
    return object.raw("jobs", json_array(jobs, job_json)).done();
}

}  // namespace eco2::batch
