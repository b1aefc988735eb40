#include "batch/host/scratch.hpp"

#include "base/random.hpp"

#include <utility>

namespace eco2::batch {

Scratch::Scratch(Settings settings) : settings_(std::move(settings)), file_(settings_.data_dir / "batch.db") {}

Scratch::~Scratch() {
    std::error_code ec;
    std::filesystem::remove_all(settings_.data_dir, ec);
}

Result<std::unique_ptr<Scratch>> Scratch::make(Settings settings) {
    std::error_code ec;
    settings.data_dir = std::filesystem::temp_directory_path(ec) / ("eco2-" + random_hex(8));
    if (ec || !std::filesystem::create_directory(settings.data_dir, ec)) {
        return fail(Errc::io_failed, "cannot make " + settings.data_dir.string() + ": " + ec.message() + "; see TMPDIR");
    }
    std::filesystem::permissions(settings.data_dir, std::filesystem::perms::owner_all, ec);
    std::unique_ptr<Scratch> made(new Scratch(std::move(settings)));
    auto prepared = made->file_.prepare();
    return prepared ? Result<std::unique_ptr<Scratch>>(std::move(made)) : prepared.error();
}

}  // namespace eco2::batch
