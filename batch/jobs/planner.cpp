#include "batch/jobs/planner.hpp"

#include "base/hash.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "batch/jobs/definition_record.hpp"
#include "batch/jobs/fail_point.hpp"
#include "batch/jobs/line_file.hpp"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace eco2::batch {
namespace {

constexpr std::size_t kItemsOfOneCommit = 2'000;
constexpr std::size_t kBytesOfOneCommit = 8 * 1024 * 1024;
constexpr std::chrono::milliseconds kLockedWait{100};
constexpr std::size_t kPhotosAtOnce = 8;
constexpr std::size_t kProblemsTold = 20;

std::string absolute(const std::string& path) {
    std::error_code ec;
    auto whole = std::filesystem::absolute(path, ec).lexically_normal().string();
    while (whole.size() > 1 && whole.ends_with('/')) {
        whole.pop_back();
    }
    return whole;
}

/// Which lock in a file of locks is that of this job.
std::uint64_t lock_byte(const std::string& input, const std::string& output) {
    Sha256 sha;
    sha.update(input + '\0' + output);
    std::uint64_t byte = 0;
    for (const auto part : sha.digest()) {
        byte = (byte << 8U) | part;
    }
    return byte;
}

std::string record_of(const InputItem& item) {
    if (!item.body.empty()) {
        return "{\"body\":" + json_quote(item.body) + "}";
    }
    std::string out = "{";
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) {
            out += (out.size() > 1 ? ",\"" : "\"") + std::string(name) + "\":" + json_quote(value);
        }
    };
    add("question", item.question);
    add("image_url", item.image_url);
    add("user_id", item.user_id);
    add("language", item.language);
    add("label", item.label);
    return out + "}";
}

Result<void> write_photo(const std::filesystem::path& folder, const intake::Photo& photo) {
    const auto path = folder / (photo.sha256 + ".jpg");
    std::error_code ec;
    if (std::filesystem::file_size(path, ec) == photo.bytes.size() && !ec) {
        return {};
    }
    const auto temporary = path.string() + ".tmp";
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    std::string_view left = photo.bytes;
    bool is_written = fd >= 0;
    while (is_written && !left.empty()) {
        const auto count = ::write(fd, left.data(), left.size());
        is_written = count > 0 || (count < 0 && errno == EINTR);
        left.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    is_written = is_written && ::fsync(fd) == 0;
    const int reason = errno;
    if (fd >= 0) {
        ::close(fd);
    }
    if (!is_written || ::rename(temporary.c_str(), path.c_str()) != 0) {
        ::unlink(temporary.c_str());
        return fail(Errc::io_failed, path.string() + ": " + std::strerror(is_written ? errno : reason));
    }
    return {};
}

Result<std::string> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    if (!in) {
        return fail(Errc::io_failed, "cannot read " + path);
    }
    return std::move(bytes).str();
}

Result<void> check_folder(const std::string& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    if (ec || !std::filesystem::is_directory(folder, ec)) {
        return fail(Errc::io_failed,
                    "the output folder " + folder + " cannot be made: " + (ec ? ec.message() : "a file is in its place"));
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        return fail(Errc::io_failed, "the output folder " + folder + " cannot be written to: " + std::strerror(errno));
    }
    return {};
}

/// What an item lacks for this pipeline; empty: nothing.
std::string misfit(const InputItem& item, const Pipeline& pipeline, const BatchCapabilities& able) {
    const auto& needs = pipeline.definition();
    const bool has_image = !item.photo.empty() || !item.image_url.empty();
    if (needs.image == Need::required && !has_image) {
        return "pipeline \"" + needs.name + "\" needs a photo: give `image` (a file) or `image_url`";
    }
    if (needs.image == Need::none && has_image) {
        return "pipeline \"" + needs.name + "\" takes no photo";
    }
    if (needs.question == Need::required && item.question.empty()) {
        return "pipeline \"" + needs.name + "\" needs a question";
    }
    if (!item.photo.empty() && !able.takes_image_bytes) {
        return "this provider's batches take photos by URL only";
    }
    if (!item.image_url.empty() && !able.takes_image_urls) {
        return "this provider's batches take no image URLs: give files";
    }
    if (!item.language.empty() &&
        std::find(needs.languages.begin(), needs.languages.end(), item.language) == needs.languages.end()) {
        return "pipeline \"" + needs.name + "\" does not speak \"" + shorten(item.language, 20) + "\"";
    }
    return {};
}

}  // namespace

std::string input_stat(const std::string& input) {
    struct stat found {};
    if (::stat(input.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
        return {};
    }
    return std::to_string(found.st_size) + ":" + std::to_string(found.st_mtim.tv_sec) + "." +
           std::to_string(found.st_mtim.tv_nsec);
}

Planner::Planner(Doors doors, Settings settings) : doors_(std::move(doors)), settings_(std::move(settings)) {}

Result<std::optional<JobRow>> Planner::known(const PlanRequest& request, const std::string& input, const std::string& stat) {
    auto found = doors_.file.find_job(input, absolute(request.output));
    if (!found || !found.value()) {
        return found;
    }
    auto& job = *found.value();
    if (job.state == JobState::planning) {
        // Its process has ended in the middle, or the lock would be held; nothing has been sent.
        auto dropped = doors_.file.drop_job(job.key);
        return dropped ? Result<std::optional<JobRow>>(std::nullopt) : dropped.error();
    }
    const bool is_other = job.provider != request.provider || (!job.is_requests && job.pipeline != request.pipeline) ||
                          (!request.model.empty() && job.model != request.model) ||
                          (!request.language.empty() && job.language != request.language);
    const bool is_over = job.state == JobState::done;
    if (is_other) {
        return is_over ? Result<std::optional<JobRow>>(std::nullopt)
                       : fail(Errc::invalid_field,
                              "job " + job.id + " writes to " + job.output + " and asks " + job.provider + " for " + job.model +
                                  (job.language.empty() ? "" : " in \"" + job.language + "\"") +
                                  ": take another --output, or `eco2 batch cancel " + job.id + "` first");
    }
    if (!stat.empty() && stat == job.input_stat) {
        return found;
    }
    auto reader = InputReader::open(request.input, request.columns);
    if (!reader) {
        return reader.error();
    }
    InputCheck check;
    for (;;) {
        auto item = reader.value()->next();
        if (!item || !item.value() || !check.add(*item.value())) {
            break;
        }
    }
    if (check.fingerprint() == job.fingerprint) {
        return found;
    }
    if (is_over) {
        return std::optional<JobRow>();  // a new job: what was paid for is not paid again
    }
    return fail(Errc::invalid_field,
                "the input was changed since job " + job.id +
                    " was planned from it, and the job is not over: put the input back, or `eco2 "
                    "batch cancel " +
                    job.id + "` and run again (what was answered is not paid twice)");
}

/// Two processes would each make a job of the same input. Whoever comes second finds the other's job.
Result<std::unique_ptr<FileLock>> Planner::planning_lock(const std::string& input, const std::string& output) {
    const auto path = settings_.data_dir / "planning.lock";
    for (;;) {
        auto lock = FileLock::try_take(path, lock_byte(input, output));
        if (!lock || lock.value() != nullptr) {
            return lock;
        }
        if (!doors_.on_progress(0, 0, 0)) {
            return fail(Errc::cancelled, "stopped while another process was planning the same job");
        }
        std::this_thread::sleep_for(kLockedWait);
    }
}

Result<Planner::Planned> Planner::plan(const PlanRequest& request) {
    const auto input = absolute(request.input);
    const auto stat = input_stat(input);
    auto lock = planning_lock(input, absolute(request.output));
    if (!lock) {
        return lock.error();
    }
    if (!request.is_new) {
        auto found = known(request, input, stat);
        if (!found) {
            return found.error();
        }
        if (found.value()) {
            return Planned{std::move(*found.value()), true, {}};
        }
    }
    auto* provider = request.is_live ? nullptr : doors_.provider(request.provider);
    if (provider == nullptr && !request.is_live) {
        return fail(Errc::plugin_missing,
                    "no plugin instance \"" + request.provider + "\" with a Batch API is started; see [[plugin]] in eco2.toml");
    }
    // Where results cannot be written, nothing is paid for.
    if (auto writable = check_folder(absolute(request.output)); !writable) {
        return writable.error();
    }
    auto reader = InputReader::open(request.input, request.columns);
    if (!reader) {
        return reader.error();
    }
    Planned planned;
    auto& job = planned.job;
    job.id = "b" + random_hex(5);
    job.input = input;
    job.input_stat = stat;
    job.output = absolute(request.output);
    job.provider = request.provider;
    job.is_requests = reader.value()->kind() == InputKind::requests;
    if (job.is_requests && request.is_live) {
        return fail(Errc::invalid_field, job.input + " holds requests of OpenAI's Batch API, which no pipeline takes");
    }
    job.language = request.language;
    job.created_ns = doors_.clock.wall_ns();
    job.deadline_ns = request.deadline_ns;
    job.deadline_action = request.deadline_action;
    job.money.cap = request.cap_picousd;
    job.pilot = request.pilot;
    std::shared_ptr<const Pipeline> pipeline;
    std::vector<std::string> stages{"request"};
    if (!job.is_requests) {
        pipeline = doors_.pipeline(request.pipeline);
        if (pipeline == nullptr) {
            return fail(Errc::not_found, "no pipeline \"" + request.pipeline + "\" is loaded; see [pipelines] in eco2.toml");
        }
        const auto& definition = pipeline->definition();
        job.pipeline = request.pipeline;
        job.model = request.model.empty() ? definition.models.front() : request.model;
        if (!pipeline->knows_model(job.model)) {
            std::string known;
            for (const auto& model : definition.models) {
                known += " " + model;
            }
            return fail(Errc::unsupported_model, "\"" + job.model + "\" is not one of:" + known);
        }
        if (!request.language.empty() && pipeline->language(request.language) != request.language) {
            return fail(Errc::invalid_field, "the pipeline does not speak \"" + request.language + "\"");
        }
        job.definition = definition_record(definition);
        stages.clear();
        for (const auto& stage : definition.stages) {
            stages.push_back(stage.kind == StageDefinition::Kind::infer ? stage.name : "");
        }
    }
    auto key = doors_.file.add_job(job, stages);
    if (!key) {
        return key.error();
    }
    job.key = key.value();
    stored_ = 0;
    const auto able = provider == nullptr ? BatchCapabilities() : provider->capabilities();
    if (auto added = add(job, *reader.value(), pipeline.get(), able, request.has_users); !added) {
        (void)doors_.file.drop_job(job.key);
        return added.error();
    }
    if (reader.value()->left_out() > 0) {
        planned.notes.push_back(std::to_string(reader.value()->left_out()) +
                                " files are no photos by their names and are left out");
    }
    for (const auto& column : reader.value()->ignored_columns()) {
        planned.notes.push_back("column \"" + column + "\" is not known and is ignored");
    }
    if (job.items_failed > 0) {
        planned.notes.push_back(std::to_string(job.items_failed) + " items cannot be sent (broken photos); the others go on");
    }
    estimate(planned);
    fail_point("plan.open");
    if (auto opened = doors_.file.open_job(job); !opened) {
        return opened.error();
    }
    job.state = JobState::open;
    return planned;
}

/// A job goes on without an estimate: what it may cost is held by its cap, request by request.
void Planner::estimate(Planned& planned) {
    if (!doors_.estimate) {
        return;
    }
    auto estimate = doors_.estimate(planned.job);
    if (!estimate) {
        planned.notes.push_back("what it will cost cannot be said: " + estimate.error().detail);
        return;
    }
    planned.job.money.estimated = estimate.value().expected;
    planned.job.estimate = std::move(estimate.value().json);
}

/// All items, checked. One fault and nothing is kept: it is told with its line, before money is spent.
Result<void> Planner::add(
    JobRow& job, InputReader& reader, const Pipeline* pipeline, const BatchCapabilities& able, bool has_users) {
    InputCheck check;
    std::vector<std::string> problems;
    std::vector<InputItem> items;
    std::size_t bytes = 0;
    const auto problem = [&](std::string text) {
        if (problems.size() <= kProblemsTold) {
            problems.push_back(std::move(text));
        }
    };
    for (;;) {
        auto next = reader.next();
        if (!next) {
            if (next.error().code != Errc::invalid_field) {
                return next.error();
            }
            problem(next.error().detail);
            if (problems.size() > kProblemsTold) {
                break;
            }
            continue;
        }
        if (!next.value()) {
            break;
        }
        auto& item = *next.value();
        const auto place = [&] { return job.input + ":" + std::to_string(item.line) + ": "; };
        if (auto fits = check.add(item); !fits) {
            problem(fits.error().detail);
            continue;
        }
        if (pipeline != nullptr) {
            if (auto why = misfit(item, *pipeline, able); !why.empty()) {
                problem(place() + why);
                continue;
            }
            if (!item.image_url.empty()) {
                auto url = doors_.check_url(item.image_url);
                if (!url) {
                    problem(place() + url.error().detail + " (" + std::string(url.error().name()) + ")");
                    continue;
                }
                item.image_url = std::move(url.value());
            }
        } else if (job.items == 0) {
            job.model = item.model;
            if (item.endpoint != able.endpoint) {
                problem(place() + "the provider's batches are for " + able.endpoint + ", not for " + item.endpoint);
            }
        }
        ++job.items;
        if (!problems.empty()) {
            continue;  // only looked through for further faults
        }
        if (!has_users) {
            item.user_id.clear();
        }
        bytes += item.body.size() + item.question.size();
        items.push_back(std::move(item));
        if (items.size() >= kItemsOfOneCommit || bytes >= kBytesOfOneCommit) {
            bytes = 0;
            if (auto stored = store(job, items, reader); !stored) {
                return stored;
            }
        }
    }
    if (!problems.empty()) {
        std::string all;
        for (std::size_t i = 0; i < std::min(problems.size(), kProblemsTold); ++i) {
            all += (all.empty() ? "" : "\n      ") + problems[i];
        }
        if (problems.size() > kProblemsTold) {
            all += "\n      ... and more";
        }
        return fail(Errc::invalid_field, all);
    }
    if (job.items == 0) {
        return fail(Errc::invalid_field, job.input + " holds no items");
    }
    if (auto stored = store(job, items, reader); !stored) {
        return stored;
    }
    job.fingerprint = check.fingerprint();
    if (pipeline == nullptr) {
        return doors_.file.set_model(job.key, job.model);
    }
    return {};
}

Result<void> Planner::store(JobRow& job, std::vector<InputItem>& items, InputReader& reader) {
    std::vector<ItemRow> rows;
    rows.reserve(items.size());
    for (auto& item : items) {
        ItemRow row;
        row.seq = ++stored_;
        row.id = item.id;
        row.input = record_of(item);
        rows.push_back(std::move(row));
    }
    const auto folder = settings_.data_dir / "batch" / "photos";
    bool has_photos = false;
    for (std::size_t begin = 0; begin < items.size();) {
        // A window of photos is cleaned at once; their bytes are not kept beyond it.
        std::vector<std::size_t> places;
        std::vector<std::string> bytes;
        for (; begin < items.size() && bytes.size() < kPhotosAtOnce; ++begin) {
            if (items[begin].photo.empty()) {
                continue;
            }
            auto read = read_file(items[begin].photo);
            if (!read) {
                return read.error();
            }
            places.push_back(begin);
            bytes.push_back(std::move(read.value()));
        }
        if (bytes.empty()) {
            break;
        }
        if (!std::exchange(has_photos, true)) {
            if (auto made = make_folder(folder); !made) {
                return made;
            }
        }
        auto photos = doors_.clean_photos(std::move(bytes));
        for (std::size_t i = 0; i < places.size(); ++i) {
            auto& row = rows[places[i]];
            if (!photos[i]) {
                if (photos[i].error().code == Errc::cancelled || photos[i].error().code == Errc::draining) {
                    return photos[i].error();
                }
                // One broken photo among thousands is that item's failure, told in the results.
                row.state = ItemState::failed;
                row.error = photos[i].error().name();
                row.detail = photos[i].error().detail;
                ++job.items_failed;
                continue;
            }
            if (auto written = write_photo(folder, photos[i].value()); !written) {
                return written;
            }
            row.photo = photos[i].value().sha256;
        }
        if (!doors_.on_progress(stored_ - static_cast<std::int64_t>(items.size() - begin), reader.done(), reader.total())) {
            return fail(Errc::cancelled, "stopped while the job was being planned; nothing was sent");
        }
    }
    // The rows name the photos: those are on the disk before.
    if (auto synced = has_photos ? sync_folder(folder) : Result<void>(); !synced) {
        return synced;
    }
    if (auto added = doors_.file.add_items(job.key, rows); !added) {
        return added;
    }
    items.clear();
    fail_point("plan.items");
    if (!doors_.on_progress(stored_, reader.done(), reader.total())) {
        return fail(Errc::cancelled, "stopped while the job was being planned; nothing was sent");
    }
    return {};
}

}  // namespace eco2::batch
