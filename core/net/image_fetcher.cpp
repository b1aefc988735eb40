#include "net/image_fetcher.hpp"

#include "base/limits.hpp"
#include "net/strict_uri.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace eco2::net {
namespace {

namespace urls = boost::urls;

bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string_view field(const std::vector<HttpHeader>& headers, std::string_view name) {
    const auto found =
        std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) { return header.name == name; });
    return found == headers.end() ? std::string_view() : found->value;
}

Error unreachable(std::string detail) {
    return fail(Errc::image_unreachable, std::move(detail));
}

// In words of our own: the client's text would tell a stranger what it saw of the network.
Error as_told(const Error& error) {
    switch (error.code) {
        case Errc::ssrf_blocked: return fail(Errc::ssrf_blocked);
        case Errc::provider_timeout: return unreachable("the host of image_url took too long");
        case Errc::provider_bad_answer: return unreachable("the host of image_url gave no answer that can be read");
        default: return unreachable("image_url could not be read from its host");
    }
}

Result<std::string> target_of(const std::string& base, std::string_view location, const UrlRules& rules) {
    const auto from = urls::parse_uri(base);
    const auto reference = urls::parse_uri_reference(location);
    urls::url to;
    if (location.empty() || !from || !reference || !urls::resolve(*from, *reference, to)) {
        return unreachable("image_url redirects to no URL");
    }
    return check_image_url(std::string_view(to.c_str(), to.size()), rules);
}

class OneFetch final : public ImageFetcher::Fetch, private HttpObserver {
public:
    OneFetch(const ImageFetcher::Options& options, HttpClientDoor& client, Clock::Monotonic deadline, ImageFetcher::Done done)
        : options_(options), client_(client), deadline_(deadline), done_(std::move(done)) {}

    Result<void> start(std::string url) {
        url_ = std::move(url);
        HttpRequest request;
        request.method = "GET";
        request.url = url_;
        request.headers = {{"accept", "image/jpeg, image/png, image/webp"}};
        request.deadline = deadline_;
        // One more than is taken: what is too large is found here, and has a code of its own.
        request.response_bytes_max = options_.bytes_max + kOverflow;
        request.is_public_only = !options_.rules.allow_private;
        auto call = client_.start(std::move(request), *this);
        if (!call) {
            return call.error();
        }
        call_ = std::move(*call);
        return {};
    }

private:
    static constexpr std::size_t kOverflow = 256 * 1024;  // more than one read brings

    void on_head(int status, const std::vector<HttpHeader>& headers) override {
        if (is_redirect(status)) {
            return follow(field(headers, "location"));
        }
        if (status != 200) {
            return finish(unreachable("the host of image_url answered " + std::to_string(status)));
        }
        const auto length = field(headers, "content-length");
        std::size_t told = 0;
        (void)std::from_chars(length.data(), length.data() + length.size(), told);
        if (told > options_.bytes_max) {
            finish(too_large());
        }
    }

    void follow(std::string_view location) {
        if (++redirects_ > limits::kImageRedirectsMax) {
            return finish(unreachable("image_url redirects too often"));
        }
        auto target = target_of(url_, location, options_.rules);
        if (!target) {
            return finish(target.error());
        }
        // The redirect's own body is nobody's: the connection goes.
        call_.reset();
        if (auto started = start(std::move(target.value())); !started) {
            finish(started.error());
        }
    }

    Flow on_body(std::string_view chunk) override {
        if (bytes_.size() + chunk.size() > options_.bytes_max) {
            finish(too_large());
        } else {
            bytes_ += chunk;
        }
        return Flow::go_on;
    }

    void on_done(const Error* error) override {
        if (error != nullptr) {
            return finish(as_told(*error));
        }
        finish(std::move(bytes_));
    }

    Error too_large() const {
        return fail(
            Errc::image_too_large,
            "the image has more than " + std::to_string(options_.bytes_max) + " bytes, which is the most that is taken");
    }

    // Last in every caller: `done` may destroy this.
    void finish(Result<std::string> result) {
        call_.reset();
        const auto done = std::exchange(done_, nullptr);
        done(std::move(result));
    }

    const ImageFetcher::Options& options_;
    HttpClientDoor& client_;
    const Clock::Monotonic deadline_;
    ImageFetcher::Done done_;
    std::string url_;
    std::string bytes_;
    int redirects_ = 0;
    std::unique_ptr<HttpCall> call_;
};

}  // namespace

ImageFetcher::ImageFetcher(Options options, HttpClientDoor& client, const Clock& clock)
    : options_(std::move(options)), client_(client), clock_(clock) {}

Result<std::unique_ptr<ImageFetcher::Fetch>> ImageFetcher::fetch(std::string_view url, Clock::Monotonic deadline, Done done) {
    auto checked = check_image_url(url, options_.rules);
    if (!checked) {
        return checked.error();
    }
    auto fetch =
        std::make_unique<OneFetch>(options_, client_, std::min(deadline, clock_.now() + options_.time_max), std::move(done));
    if (auto started = fetch->start(std::move(checked.value())); !started) {
        return started.error();
    }
    return std::unique_ptr<Fetch>(std::move(fetch));
}

}  // namespace eco2::net
