#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// `eco2 eval`: how right, how expensive and how slow models and prompts are on items whose class is known.
namespace eco2::batch {

/// One item as it was answered. Classes may be paths, "major/middle/minor".
struct EvalRow {
    std::string item;
    std::string label;      // empty: not known; the item then counts for cost and time alone
    std::string predicted;  // empty: no usable answer, which is wrong
    std::int64_t cost_picousd = 0;
    std::optional<std::chrono::nanoseconds> latency;
    std::string model;
    std::string prompt;  // its hash
};

/// What is known of one class, by whole paths. None: divided by nothing.
struct EvalClass {
    std::string name;
    std::int64_t support = 0;    // items that are of it
    std::int64_t predicted = 0;  // items that were said to be
    std::int64_t correct = 0;    // both
    std::optional<double> precision;
    std::optional<double> recall;
    std::optional<double> f1;
};

/// Labels against answers, for the classes with the most items. The last two columns are all other classes, and no answer; the
/// last row is all other labels.
struct EvalConfusion {
    std::vector<std::string> names;
    std::vector<std::vector<std::int64_t>> counts;  // names + 1 rows of names + 2
};

/// One model with one prompt.
struct EvalGroup {
    std::string model;
    std::string prompt;
    std::int64_t items = 0;
    std::int64_t labelled = 0;
    std::int64_t unanswered = 0;  // of the labelled
    std::size_t depth = 0;        // of the longest label, in parts of a path
    // of the labelled; shown for as many parts as labels have
    std::int64_t correct_major = 0;
    std::int64_t correct_middle = 0;
    std::int64_t correct = 0;
    std::vector<EvalClass> classes;  // by support, the largest first, then by name
    std::optional<double> macro_f1;  // mean over the classes that have items
    EvalConfusion confusion;
    std::int64_t cost_picousd = 0;
    struct Times {
        std::chrono::nanoseconds p50{0}, p90{0}, p95{0}, p99{0}, max{0};  // by nearest rank
    };
    std::optional<Times> times;  // none: no item tells
    struct Wrong {
        std::string item, label, predicted;
    };
    std::vector<Wrong> examples;  // the first items that were answered wrongly
};

/// Takes rows in any order and sums them up; what it keeps of a row is a few counts and its time.
///
/// Thread-safety: none. Pure.
class Evaluation {
public:
    struct Options {
        std::size_t classes_max = 20;   // of the confusion matrix: what a screen shows
        std::size_t examples_max = 10;  // enough to look at
    };

    Evaluation() = default;
    explicit Evaluation(Options options) : options_(options) {}

    void add(const EvalRow& row);
    /// By model, then prompt.
    std::vector<EvalGroup> groups() const;

private:
    struct Sums {
        EvalGroup group;
        std::map<std::pair<std::string, std::string>, std::int64_t> pairs;  // label, predicted
        std::vector<std::chrono::nanoseconds> times;
    };
    EvalGroup finished(const Sums& sums) const;

    Options options_;
    std::map<std::pair<std::string, std::string>, Sums> sums_;  // by model, prompt
};

/// For people; ends with '\n'.
std::string eval_text(const std::vector<EvalGroup>& groups);
/// {"groups":[...]}; shares are between 0 and 1, and null where they are divided by nothing.
std::string eval_json(const std::vector<EvalGroup>& groups);

}  // namespace eco2::batch
