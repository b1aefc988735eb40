#pragma once

#include "eco2/abi/provider.h"
#include "eco2/plugin/host.hpp"

#include <string>
#include <string_view>

namespace eco2::plugin {
inline namespace draft_2 {

/// What a provider can do (interface eco2.draft.provider_info/0).
class ProviderInfo {
public:
    static constexpr std::string_view kInterfaceId = ECO2_PROVIDER_INFO_ID;

    /// A JSON object with "name", and "capabilities": {"vision","json_schema","streaming","tools","chat"} as booleans; what is
    /// not named is false. Asked once.
    virtual std::string describe() const = 0;

    const void* table() const noexcept { return &table_; }

protected:
    explicit ProviderInfo(const Host&) noexcept {
        table_.self = this;
        table_.describe = [](void* self) noexcept { return static_cast<ProviderInfo*>(self)->described(); };
    }
    ProviderInfo(const ProviderInfo&) = delete;
    ProviderInfo& operator=(const ProviderInfo&) = delete;
    ~ProviderInfo() = default;

private:
    const eco2_str* described() noexcept {
        if (text_.empty()) {
            detail::swallowed([&] { text_ = describe(); });
            view_ = to_abi(std::string_view(text_));
        }
        return &view_;
    }

    eco2_provider_info table_ = detail::sized<eco2_provider_info>();
    std::string text_;
    eco2_str view_{};
};

}  // namespace draft_2
}  // namespace eco2::plugin
