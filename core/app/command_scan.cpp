#include "app/admission.hpp"
#include "app/auth.hpp"
#include "app/commands.hpp"
#include "app/scan_frames.hpp"
#include "app/scan_view.hpp"
#include "base/ids.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "net/url_guard.hpp"
#include "runtime/image_rules.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <utility>

namespace eco2::app {
namespace {

Result<std::string> read_photo(const std::string& file, std::size_t bytes_max) {
    std::error_code ec;
    if (std::filesystem::is_directory(file, ec)) {
        return fail(Errc::io_failed, file + " is a directory; give a photo's file or an https URL");
    }
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        return fail(Errc::io_failed, "cannot read " + file + "; give a photo's file or an https URL");
    }
    std::string bytes;
    bytes.resize(bytes_max + 1);
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return bytes;
}

/// One run on I/O thread 0, shown as it goes; the main thread waits for its end.
class OneScan : public std::enable_shared_from_this<OneScan> {
public:
    OneScan(runtime::Host& host, RunContext& context, bool is_json)
        : host_(host), context_(context), is_json_(is_json), view_(stdout, isatty(STDOUT_FILENO) == 1) {}

    std::future<int> start(RunInput input, std::string photo) {
        auto future = exit_code_.get_future();
        host_.threads().post_to(
            0, [self = shared_from_this(), input = std::move(input), photo = std::move(photo)](TaskFate) mutable {
                if (photo.empty()) {
                    return self->run(std::move(input));
                }
                self->host_.photos().prepare(std::move(photo),
                                             [self, input = std::move(input)](Result<intake::Photo> result) mutable {
                                                 self->with_photo(std::move(input), std::move(result));
                                             });
            });
        return future;
    }

private:
    void with_photo(RunInput input, Result<intake::Photo> photo) {
        if (!photo) {
            print_error(photo.error());
            exit_code_.set_value(kFailed);
            return;
        }
        input.image_bytes = std::make_shared<const std::string>(std::move(photo.value().bytes));
        input.image_mime = std::move(photo.value().mime);
        run(std::move(input));
    }

    void run(RunInput input) {
        run_ = Run::start(context_, new_uuid(), std::move(input), [self = shared_from_this()] { self->on_event(); });
    }

    void on_event() {
        while (run_ != nullptr && next_ < run_->log().size()) {
            const auto& event = run_->log()[next_++];
            if (is_json_) {
                print_json(event);
            } else {
                view_.show(*run_, event);
            }
            if (event.is_terminal()) {
                const bool is_done = event.kind == RunEvent::Kind::done;
                run_.reset();
                exit_code_.set_value(is_done ? kOk : kFailed);
            }
        }
    }

    void print_json(const RunEvent& event) const {
        if (event.kind == RunEvent::Kind::delta) {
            std::printf("{\"delta\":%s}\n", json_quote(event.text).c_str());
        } else if (const auto frame = scan_frame(*run_, event); !frame.empty()) {
            std::printf("%s\n", frame.c_str());
        }
        std::fflush(stdout);
    }

    runtime::Host& host_;
    RunContext& context_;
    const bool is_json_;
    ScanView view_;
    std::unique_ptr<Run> run_;
    std::size_t next_ = 0;
    std::promise<int> exit_code_;
};

Result<RunInput> input_of(const ScanOptions& options, const Pipeline& pipeline) {
    const auto& definition = pipeline.definition();
    RunInput input;
    input.user_id = kNobody;
    input.wants_deltas = true;
    input.language = pipeline.language(options.language);
    if (!options.language.empty() && input.language != options.language) {
        return fail(Errc::invalid_field, "the pipeline does not speak \"" + options.language + "\"");
    }
    input.model = options.model.empty() ? definition.models.front() : options.model;
    if (!pipeline.knows_model(input.model)) {
        std::string known;
        for (const auto& model : definition.models) {
            known += " " + model;
        }
        return fail(Errc::unsupported_model, "\"" + input.model + "\" is not one of:" + known);
    }
    if (options.question.size() > limits::kQuestionBytesMax || !is_valid_utf8(options.question)) {
        return fail(Errc::invalid_field,
                    "--question must be UTF-8 of at most " + std::to_string(limits::kQuestionBytesMax) + " bytes");
    }
    if (definition.question == Need::required && options.question.empty()) {
        return fail(Errc::invalid_field, "this pipeline needs --question");
    }
    const auto question = definition.default_question.find(input.language);
    input.question = !options.question.empty()                       ? options.question
                     : question != definition.default_question.end() ? question->second
                                                                     : std::string();
    return input;
}

std::string why_not(const runtime::Readiness& readiness, const std::string& pipeline) {
    for (const auto* list : {&readiness.left_out, &readiness.waiting_for}) {
        for (const auto& why : *list) {
            if (why.starts_with("pipeline " + pipeline + ":")) {
                return why;
            }
        }
    }
    return "pipeline " + pipeline + " is not loaded";
}

}  // namespace

int scan(const CommonOptions& common, const ScanOptions& options) {
    auto config = load_config(common);
    if (!config) {
        print_error(config.error());
        return kConfig;
    }
    auto log = runtime::log_options(config.value());
    log.level = common.overrides.log_level ? log.level : LogLevel::error;
    runtime::Host host(std::move(config.value()), layout(), std::move(log));
    if (auto loaded = host.load(); !loaded) {
        print_error(loaded.error());
        return kConfig;
    }
    const auto context = host.pipeline(options.pipeline);
    if (context == nullptr) {
        print_error(fail(Errc::not_ready,
                         host.is_configured(options.pipeline) ? why_not(host.readiness(), options.pipeline)
                                                              : "no pipeline \"" + options.pipeline + "\" is configured"));
        return kConfig;
    }
    const auto needs_image = context->pipeline->definition().image;
    if (needs_image == Need::required && options.input.empty()) {
        print_error(
            fail(Errc::image_url_required, "pipeline \"" + options.pipeline + "\" needs a photo: a file or an https URL"));
        return kUsage;
    }
    if (needs_image == Need::none && !options.input.empty()) {
        print_error(fail(Errc::invalid_field, "pipeline \"" + options.pipeline + "\" takes no photo"));
        return kUsage;
    }
    auto input = input_of(options, *context->pipeline);
    if (!input) {
        print_error(input.error());
        return kUsage;
    }
    std::string photo;
    if (options.input.find("://") != std::string::npos) {
        auto url = net::check_image_url(options.input, runtime::image_url_rules(*host.config()));
        if (!url) {
            print_error(url.error());
            return kFailed;
        }
        input.value().image_url = std::make_shared<const std::string>(std::move(url.value()));
    } else if (!options.input.empty()) {
        auto bytes = read_photo(options.input, host.config()->image.bytes_max);
        if (!bytes || bytes.value().empty()) {
            print_error(bytes ? fail(Errc::image_empty, options.input + " has no bytes") : bytes.error());
            return kFailed;
        }
        photo = std::move(bytes.value());
    }
    const int exit_code =
        std::make_shared<OneScan>(host, *context, common.is_json)->start(std::move(input.value()), std::move(photo)).get();
    (void)host.stop();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        print_error(fail(Errc::io_failed, "the output could not be written"));
        return kFailed;
    }
    return exit_code;
}

}  // namespace eco2::app
