#include "batch/report/eval_report.hpp"

#include "batch/report/report_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace eco2::batch {
namespace {

constexpr std::size_t kMajor = 1;  // parts of a path
constexpr std::size_t kMiddle = 2;
constexpr std::size_t kNameColumns = 32;
constexpr std::size_t kPromptColumns = 12;  // of a hash: enough to tell prompts apart

std::size_t parts_of(std::string_view path) {
    return path.empty() ? 0 : static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1;
}

/// The first `parts` of a path, all where it has no more.
std::string_view beginning(std::string_view path, std::size_t parts) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < parts; ++i) {
        end = path.find('/', i == 0 ? 0 : end + 1);
        if (end == std::string_view::npos) {
            return path;
        }
    }
    return path.substr(0, end);
}

std::optional<double> share(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? std::optional(static_cast<double>(part) / static_cast<double>(whole)) : std::nullopt;
}

std::vector<EvalClass> classes_of(const std::map<std::pair<std::string, std::string>, std::int64_t>& pairs) {
    std::map<std::string, EvalClass> by_name;
    for (const auto& [pair, count] : pairs) {
        const auto& [label, predicted] = pair;
        by_name[label].support += count;
        if (!predicted.empty()) {
            by_name[predicted].predicted += count;
        }
        if (label == predicted) {
            by_name[label].correct += count;
        }
    }
    std::vector<EvalClass> classes;
    for (auto& [name, one] : by_name) {
        one.name = name;
        one.precision = share(one.correct, one.predicted);
        one.recall = share(one.correct, one.support);
        one.f1 = share(2 * one.correct, one.support + one.predicted);
        classes.push_back(std::move(one));
    }
    std::stable_sort(
        classes.begin(), classes.end(), [](const EvalClass& a, const EvalClass& b) { return a.support > b.support; });
    return classes;
}

std::optional<double> macro_f1(const std::vector<EvalClass>& classes) {
    double sum = 0;
    std::int64_t count = 0;
    for (const auto& one : classes) {
        if (one.support > 0) {
            sum += one.f1.value_or(0);
            ++count;
        }
    }
    return count > 0 ? std::optional(sum / static_cast<double>(count)) : std::nullopt;
}

EvalConfusion confusion_of(const std::map<std::pair<std::string, std::string>, std::int64_t>& pairs,
                           const std::vector<EvalClass>& classes,
                           std::size_t classes_max) {
    EvalConfusion out;
    std::map<std::string_view, std::size_t> places;
    for (const auto& one : classes) {
        if (one.support > 0 && out.names.size() < classes_max) {
            places.emplace(one.name, out.names.size());
            out.names.push_back(one.name);
        }
    }
    const auto other = out.names.size();
    const auto place_of = [&places, other](std::string_view name) {
        const auto found = places.find(name);
        return found != places.end() ? found->second : other;
    };
    out.counts.assign(other + 1, std::vector<std::int64_t>(other + 2));
    for (const auto& [pair, count] : pairs) {
        const auto column = pair.second.empty() ? other + 1 : place_of(pair.second);
        out.counts[place_of(pair.first)][column] += count;
    }
    return out;
}

std::optional<EvalGroup::Times> times_of(std::vector<std::chrono::nanoseconds> times) {
    if (times.empty()) {
        return std::nullopt;
    }
    std::sort(times.begin(), times.end());
    const auto rank = [&times](std::size_t percent) { return times[(times.size() * percent + 99) / 100 - 1]; };
    return EvalGroup::Times{rank(50), rank(90), rank(95), rank(99), times.back()};
}

template <class... Values>
std::string printed(const char* format, Values... values) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, values...);
    return text.data();
}

// for people

std::string percent_text(std::int64_t part, std::int64_t whole) {
    return printed("%.1f %%", share(part, whole).value_or(0) * 100);
}

std::string share_text(std::optional<double> value) {
    return value ? printed("%9.3f", *value) : "        -";
}

std::string seconds_text(std::chrono::nanoseconds time) {
    return printed("%.2f s", std::chrono::duration<double>(time).count());
}

std::string accuracy_text(const EvalGroup& group) {
    if (group.labelled == 0) {
        return "no item has a label";
    }
    std::string out;
    if (group.depth > kMajor) {
        out += "major " + percent_text(group.correct_major, group.labelled) + ", ";
    }
    if (group.depth > kMiddle) {
        out += "middle " + percent_text(group.correct_middle, group.labelled) + ", ";
    }
    return out + "full " + percent_text(group.correct, group.labelled) + "; macro F1 " +
           printed("%.3f", group.macro_f1.value_or(0));
}

std::string times_text(const EvalGroup& group) {
    if (!group.times) {
        return "not known";
    }
    return "p50 " + seconds_text(group.times->p50) + ", p90 " + seconds_text(group.times->p90) + ", p95 " +
           seconds_text(group.times->p95) + ", p99 " + seconds_text(group.times->p99) + ", max " +
           seconds_text(group.times->max);
}

std::int64_t cost_per_item(const EvalGroup& group) {
    return group.items > 0 ? group.cost_picousd / group.items : 0;
}

std::string classes_text(const EvalGroup& group) {
    const auto count = std::min(group.classes.size(), group.confusion.names.size());
    std::string out = "  " + padded("class", kNameColumns) + "  support  precision   recall       F1\n";
    for (std::size_t i = 0; i < count; ++i) {
        const auto& one = group.classes[i];
        out += "  " + padded(one.name, kNameColumns) + printed("%9lld", static_cast<long long>(one.support)) + "  " +
               share_text(one.precision) + share_text(one.recall) + share_text(one.f1) + "\n";
    }
    const auto more = static_cast<std::int64_t>(group.classes.size() - count);
    return out + (more > 0 ? "  and " + std::to_string(more) + " more, some of them answers only\n" : "");
}

std::string confusion_text(const EvalConfusion& confusion) {
    std::size_t widest = 5;  // "other"
    for (const auto& row : confusion.counts) {
        for (const auto count : row) {
            widest = std::max(widest, std::to_string(count).size());
        }
    }
    const auto cell = [widest](const std::string& text) { return std::string(widest + 1 - text.size(), ' ') + text; };
    const auto classes = confusion.names.size();
    std::string out = "  " + padded("label, by answer", kNameColumns);
    for (std::size_t column = 0; column < classes; ++column) {
        out += cell(std::to_string(column + 1));
    }
    out += cell("other") + cell("none") + "\n";
    for (std::size_t row = 0; row <= classes; ++row) {
        const auto& counts = confusion.counts[row];
        if (row == classes && std::all_of(counts.begin(), counts.end(), [](std::int64_t count) { return count == 0; })) {
            continue;
        }
        out += "  " + padded(row < classes ? std::to_string(row + 1) + " " + confusion.names[row] : "other", kNameColumns);
        for (const auto count : counts) {
            out += cell(std::to_string(count));
        }
        out += "\n";
    }
    return out;
}

std::string group_text(const EvalGroup& group) {
    std::string out = "model " + fit(group.model, kNameColumns) + "  prompt " + group.prompt.substr(0, kPromptColumns) + "  " +
                      count_text(group.items, "item") + ", " + std::to_string(group.items - group.labelled) +
                      " without a label, " + std::to_string(group.unanswered) + " without an answer\n";
    out += "  accuracy  " + accuracy_text(group) + "\n";
    out += "  cost      " + usd_text(group.cost_picousd) + " USD, " + usd_text(cost_per_item(group)) + " an item\n";
    out += "  time      " + times_text(group) + "\n";
    if (group.labelled > 0) {
        out += classes_text(group) + confusion_text(group.confusion);
    }
    for (const auto& wrong : group.examples) {
        out += "  wrong     " + fit(wrong.item, kNameColumns) + ": " + fit(wrong.label, kNameColumns) + " answered as " +
               (wrong.predicted.empty() ? "nothing" : fit(wrong.predicted, kNameColumns)) + "\n";
    }
    return out;
}

// for scripts

std::string share_json(std::optional<double> value) {
    return value ? printed("%.6f", *value) : "null";
}

std::string class_json(const EvalClass& one) {
    return JsonObject()
        .text("class", one.name)
        .number("support", one.support)
        .number("predicted", one.predicted)
        .number("correct", one.correct)
        .raw("precision", share_json(one.precision))
        .raw("recall", share_json(one.recall))
        .raw("f1", share_json(one.f1))
        .done();
}

std::string wrong_json(const EvalGroup::Wrong& wrong) {
    return JsonObject().text("item", wrong.item).text("label", wrong.label).text_or_null("predicted", wrong.predicted).done();
}

std::string confusion_json(const EvalConfusion& confusion) {
    const auto row_json = [](const std::vector<std::int64_t>& row) {
        return json_array(row, [](std::int64_t count) { return std::to_string(count); });
    };
    return JsonObject()
        .raw("labels", json_array(confusion.names, json_text))
        .raw("counts", json_array(confusion.counts, row_json))
        .done();
}

std::string times_json(const EvalGroup::Times& times) {
    return JsonObject()
        .milliseconds("p50_ms", times.p50)
        .milliseconds("p90_ms", times.p90)
        .milliseconds("p95_ms", times.p95)
        .milliseconds("p99_ms", times.p99)
        .milliseconds("max_ms", times.max)
        .done();
}

std::string accuracy_json(const EvalGroup& group) {
    const auto level = [&group](bool is_there, std::int64_t correct) {
        return is_there ? share_json(share(correct, group.labelled)) : "null";
    };
    return JsonObject()
        .raw("major", level(group.depth > kMajor, group.correct_major))
        .raw("middle", level(group.depth > kMiddle, group.correct_middle))
        .raw("full", level(true, group.correct))
        .done();
}

std::string group_json(const EvalGroup& group) {
    return JsonObject()
        .text("model", group.model)
        .text("prompt", group.prompt)
        .number("items", group.items)
        .number("labelled", group.labelled)
        .number("unanswered", group.unanswered)
        .raw("accuracy", accuracy_json(group))
        .raw("macro_f1", share_json(group.macro_f1))
        .usd("cost_usd", group.cost_picousd)
        .usd("cost_per_item_usd", cost_per_item(group))
        .raw("times", group.times ? times_json(*group.times) : "null")
        .raw("classes", json_array(group.classes, class_json))
        .raw("confusion", confusion_json(group.confusion))
        .raw("examples", json_array(group.examples, wrong_json))
        .done();
}

}  // namespace

void Evaluation::add(const EvalRow& row) {
    auto& sums = sums_[{row.model, row.prompt}];
    auto& group = sums.group;
    ++group.items;
    group.cost_picousd += row.cost_picousd;
    if (row.latency) {
        sums.times.push_back(*row.latency);
    }
    if (row.label.empty()) {
        return;
    }
    ++group.labelled;
    group.depth = std::max(group.depth, parts_of(row.label));
    ++sums.pairs[{row.label, row.predicted}];
    group.unanswered += row.predicted.empty() ? 1 : 0;
    const auto is_right = [&row](std::size_t parts) {
        return !row.predicted.empty() && beginning(row.label, parts) == beginning(row.predicted, parts);
    };
    group.correct_major += is_right(kMajor) ? 1 : 0;
    group.correct_middle += is_right(kMiddle) ? 1 : 0;
    if (row.label == row.predicted) {
        ++group.correct;
    } else if (group.examples.size() < options_.examples_max) {
        group.examples.push_back({row.item, row.label, row.predicted});
    }
}

EvalGroup Evaluation::finished(const Sums& sums) const {
    auto group = sums.group;
    group.classes = classes_of(sums.pairs);
    group.macro_f1 = macro_f1(group.classes);
    group.confusion = confusion_of(sums.pairs, group.classes, options_.classes_max);
    group.times = times_of(sums.times);
    return group;
}

std::vector<EvalGroup> Evaluation::groups() const {
    std::vector<EvalGroup> out;
    for (const auto& [key, sums] : sums_) {
        out.push_back(finished(sums));
        out.back().model = key.first;
        out.back().prompt = key.second;
    }
    return out;
}

std::string eval_text(const std::vector<EvalGroup>& groups) {
    std::string out;
    for (const auto& group : groups) {
        out += (out.empty() ? "" : "\n") + group_text(group);
    }
    return out.empty() ? "no items\n" : out;
}

std::string eval_json(const std::vector<EvalGroup>& groups) {
    return JsonObject().raw("groups", json_array(groups, group_json)).done();
}

}  // namespace eco2::batch
