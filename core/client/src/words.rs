//! The few sentences that the core itself says on a screen, in the languages that it knows.

use onecity_protocol::names::Names;

/// A sentence; `{}` stands for an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The region has never been synced.
    SyncFirst,
    /// {publisher}.
    OtherRegion,
    /// {reason}.
    Withdrawn,
    /// The platform is too old.
    UpdateApp,
    /// {percent}.
    Rollout,
    /// The rollout is paused.
    Paused,
    /// {publisher}.
    Broken,
    /// {publisher}.
    NoSuchService,
    /// The service is for persons.
    NeedsPerson,
    /// The service is for enterprises.
    NeedsEnterprise,
    /// Nothing is installed and there is no network.
    NeedsNetwork,
}

/// Chinese, Vietnamese, English.
fn texts(word: Word) -> [&'static str; 3] {
    match word {
        Word::SyncFirst => [
            "手机上还没有这个地区的数据。请连接网络后重试。",
            "Điện thoại chưa có dữ liệu của khu vực này. Hãy kết nối mạng rồi thử lại.",
            "This region is not on your phone yet. Connect to a network and try again.",
        ],
        Word::OtherRegion => [
            "该服务由{}提供，只在其辖区内使用。请切换到该地区。",
            "Dịch vụ này do {} cung cấp và chỉ dùng tại đó. Hãy chuyển sang khu vực ấy.",
            "{} offers this service for its own area. Switch to that region to use it.",
        ],
        Word::Withdrawn => ["该服务已下架：{}", "Dịch vụ này đã bị gỡ: {}", "This service was withdrawn: {}"],
        Word::UpdateApp => [
            "该服务需要新版应用。请更新应用。",
            "Dịch vụ này cần phiên bản ứng dụng mới hơn. Hãy cập nhật ứng dụng.",
            "This service needs a newer version of the app. Please update the app.",
        ],
        Word::Rollout => [
            "该服务正在逐步开放（目前{}%的手机），很快也会轮到您。",
            "Dịch vụ này đang được mở dần (hiện {}% điện thoại) và sẽ sớm đến lượt bạn.",
            "This service is being opened step by step ({}% of phones so far). Your turn will come.",
        ],
        Word::Paused => [
            "该服务暂停向新用户开放。请稍后再试。",
            "Dịch vụ này tạm ngừng mở cho người dùng mới. Hãy thử lại sau.",
            "This service is not being opened to more phones for the moment. Try again later.",
        ],
        Word::Broken => [
            "无法核实{}发布的内容。您的手机没有问题，我们会自动重试。",
            "Không xác minh được nội dung do {} công bố. Điện thoại của bạn không có lỗi; ứng dụng sẽ tự thử lại.",
            "What {} published can't be verified. Your phone is fine; the app tries again by itself.",
        ],
        Word::NoSuchService => [
            "{}没有提供这项服务。请用搜索查找类似的服务。",
            "{} không cung cấp dịch vụ này. Hãy tìm dịch vụ tương tự bằng ô tìm kiếm.",
            "{} does not offer this service. Search for a similar one.",
        ],
        Word::NeedsPerson => {
            ["请先用个人账户登录。", "Hãy đăng nhập bằng tài khoản cá nhân.", "Log in with a personal account first."]
        }
        Word::NeedsEnterprise => [
            "请先用企业账户登录。",
            "Hãy đăng nhập bằng tài khoản doanh nghiệp.",
            "Log in with an enterprise account first.",
        ],
        Word::NeedsNetwork => [
            "首次打开需要网络。请连接网络后重试。",
            "Cần có mạng để mở lần đầu. Hãy kết nối mạng rồi thử lại.",
            "Opening it for the first time needs a network. Connect and try again.",
        ],
    }
}

/// A sentence in the first of the resident's languages that it is known in.
pub fn word(word: Word, languages: &[String], arguments: &[&str]) -> String {
    let [zh, vi, en] = texts(word);
    let names = Names::new().with("zh", zh).with("vi", vi).with("en", en);
    let mut parts = names.best(languages).split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        text.push_str(arguments.get(at).copied().unwrap_or_default());
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_said_in_the_residents_language_with_what_belongs_in_it() {
        let said = |language: &str| word(Word::Withdrawn, &[language.to_owned()], &["{}"]);
        assert_eq!(said("zh-Hans-CN"), "该服务已下架：{}");
        assert_eq!(said("fr"), "This service was withdrawn: {}");
    }
}
