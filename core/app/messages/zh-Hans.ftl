## The app
app-name = 一城
tab-home = 首页
tab-passes = 卡码
tab-me = 我的
back = 返回
cancel = 取消
close = 关闭
done = 完成
copy = 复制
copied = 已复制
not-now = 以后再说
try-again = 重试
settings = 设置
version = 版本
licence = 许可证
list-separator = 、
too-many-open = 打开的页面太多了，请先返回几页。

## Times and sizes
time-now = 刚刚
time-minutes = { $count } 分钟前
time-hours = { $count } 小时前
time-date = { $year }年{ $month }月{ $day }日
size-kb = { $count } KB
size-mb = { $count } MB

## The first start
welcome-title = 一城在手
welcome-detail = 一次登录，走到哪里都能办事、乘车、出示证件。
welcome-no-login = 不登录也可以查看和使用大部分服务。
welcome-go-on = 同意并继续
privacy-title = 您的数据
privacy-what = 保存什么
privacy-what-text = 您选择的城市、登录信息、卡码、填写的表单和提交的内容。
privacy-where = 存在哪里
privacy-where-text = 只在这部手机里，并加密保存。
privacy-who = 谁能看到
privacy-who-text = 每项服务只能看到您同意给它的内容。同意之前会先问您。
privacy-rights = 您可以
privacy-rights-text = 随时查看、收回您的同意，或退出登录并删除这些数据。
language = 语言
language-what = 城市发布的服务名称使用它们已有的语言。
elder-mode = 长辈版
elder-mode-what = 字大、按钮大、只留常用的几项。
elder-mode-on = 已切换到长辈版
elder-mode-off = 已切换回标准版

## Choosing a place
places-home = 您住在哪里？
places-switch = 切换城市
places-nation = 国家
places-find = 查找城市或区县
places-find-hint = 汉字、拼音或首字母
places-found = 找到的地方
places-none = 没有找到。可以先打开省份，再查找其中的城市。
places-none-in = { $place }里没有找到。请检查名称，或返回上一级。
places-list = 省份和直辖市
places-up = 返回上一级
places-whole = { $place }（全部）
places-locate = 用手机的位置查找
places-near = 您附近
places-cannot-locate = 无法得知手机的位置。请在上面输入城市名称。

## Home
home-change-place = 切换城市
home-find = 搜索服务和地方
home-first-sync = 正在获取这里的服务…
home-offline = 没有网络。已保存的内容仍可使用。
home-offline-since = 没有网络。内容更新于{ $since }，仍可使用。
home-stale = 内容更新于{ $since }。
home-waiting = 有 { $count } 项已保存，有网络后自动发送。
home-passes = 卡码
home-favourites = 收藏
home-recent = 最近使用
home-away = 您在外地
home-back = 回到{ $place }
home-missing = { $home }有的 { $count } 项服务这里没有，看看有什么相近的
home-empty = 这里还没有发布服务。可以看看附近的城市。
home-elder = 常用
home-call = 拨打 { $number }
home-all = 全部服务
group-transport = 出行
group-government = 办事
group-living = 生活
group-health = 健康
group-education = 教育
group-culture = 文旅
group-work = 就业与企业
group-other = 其他

## Search
search = 搜索
search-hint = 想办什么事？
search-all = 这里的服务
search-services = 服务
search-places = 地方
search-settings = 应用设置
search-none = 没有找到。换个说法试试，或切换到其他城市。
search-words-elder = 长辈版, 老年, 大字, 关怀, 适老, zhangbei, laonian, dazi, elder, large
search-words-language = 语言, 繁体, yuyan, language, tiếng, 英文
search-words-me = 账户, 退出, 登录, 隐私, zhanghu, account, privacy

## An open service
service-opening = 正在打开…
service-show-code = 出示卡码
service-menu = 更多
service-gone = 这项服务已关闭。填写的内容已保存。
service-open-again = 重新打开
service-open-there = 到提供它的城市打开
service-publisher = 发布单位
service-verified = 已验证的单位
service-share = 分享
service-clear = 清除它保存的数据
service-clear-what = 这项服务在手机里保存的内容、草稿和您的同意都会删除。等待发送的内容不会删除。
service-cleared = 已清除
favourite-add = 加入收藏
favourite-remove = 取消收藏
favourites-full = 收藏已满，请先移除一些。

## Another city
travel-title = 去{ $place }
travel-plan = 带上这里的 { $count } 项服务，没有网络也能打开。
travel-fetch = 下载（{ $size }）
travel-fetching = 正在下载…
travel-done = { $place }的服务已在手机里。
travel-have = 这里的服务都已在手机里，没有网络也能打开。
travel-missing = { $home }有、{ $place }没有的
travel-none-missing = { $home }有的服务这里都有。
travel-nearest = 相近的：{ $service }
travel-nothing-near = 没有相近的服务

## Passes and codes
passes-empty = 领取的卡会显示在这里。
passes-log-in = 登录后可以领取乘车码等卡。
passes-add = 领取新卡
passes-search = 乘车
passes-for-gate = 选择要给这个闸机看的卡。
pass-renewal-due = 快到期了，请在有网络时打开应用更新。
pass-expired = 已过期。请连接网络以更新。
pass-needs-renewal = 需要重新领取。请连接网络并登录。
pass-suspended = 已停用，请咨询{ $issuer }。
pass-revoked = 已注销，请咨询{ $issuer }。
pass-valid-in = 适用范围
pass-fare = 票价
pass-expires = 有效期至
pass-last-used = 上次出示
pass-manage = 管理
pass-delete = 删除这张卡
pass-delete-what = 删除后这部手机不能再出示它，签发机关也会注销它。以后可以重新领取。
pass-deleted = 已删除
code-label = { $holder } 的二维码
code-how = 请将二维码对准闸机
code-clock = 手机时间可能不准，闸机可能不认。请连接一次网络。

## Documents
document-genuine = 真实有效
document-expired = 真实，但已过期
document-unverified = 现在无法核实

## Logging in
log-in = 登录
log-out = 退出登录
login-once = 一次登录，所有城市通用
login-where = 选择登录方式
login-what = 将在浏览器中打开认证机构的页面。应用看不到您的密码。
login-with-number = 先填写证件号码
login-number = 身份证号或统一社会信用代码
login-number-hint = 可以不填
login-number-what = 只发给您选择的认证机构。
login-number-wrong = 号码不正确，请对照证件检查。
login-beginning = 正在联系认证机构…
login-in-browser = 请在浏览器中完成登录
login-finishing = 正在核对…
login-cancelled = 登录已取消。可以重新选择。
login-clock = 在手机设置中打开“自动设置时间”，然后重试。
login-done = 已登录：{ $name }
login-lapsed = 登录已过期，请在“我的”中重新登录。卡码仍可使用。
login-step-up = 这项操作需要更高级别的身份验证。
logged-out = 已退出登录
log-out-what = 这个账户的卡码、草稿和记录会从这部手机删除。
log-out-waiting = 还有提交的内容没有发出，现在退出就会丢失。
ask-login = “{ $service }”需要您登录后继续。
ask-step-up = “{ $service }”需要更高级别的身份验证。

## Me
accounts = 账户
account-add = 添加账户
account-person = 个人
account-enterprise = 企业
account-lapsed = 需要重新登录
settings-home = 家所在的城市
scheme = 外观
scheme-platform = 跟随系统
scheme-light = 浅色
scheme-dark = 深色
about = 关于
about-what = 一个应用，每座城市。服务由各城市签名发布，手机会逐一核实。

## Consents
consents = 我的授权
consents-empty = 您同意给各项服务的内容会显示在这里。
consent-title = “{ $service }”请求您的同意
consent-reason = 用途说明：{ $reason }
consent-fields = 会看到
consent-people = 涉及的人
consent-origins = 发送到
consent-since = 时间
consent-agree = 同意
consent-refuse = 不同意
consent-revoke-later = 可以随时在“我的授权”中收回。
consent-given = 已同意
consent-refused = 已拒绝
consent-revoke = 收回同意
consent-revoke-what = 收回后，这项服务再次需要时会重新问您。
consent-ask-again = 允许它再问
consent-ask-again-what = 您拒绝过，这项服务不会再问。
consent-revoked = 已收回
permission-login = 知道您是谁
permission-passes = 领取和查看您的卡
permission-documents = 使用您已有的证件
permission-scan = 用相机扫码
permission-locate = 知道手机的位置
permission-photos = 使用您拍摄或选择的照片
permission-disclose = 出示这些内容
permission-other = 使用“{ $name }”
field-name = 姓名
field-phone = 手机号码
field-identity = 身份证号
field-address = 地址
field-birthdate = 出生日期
field-email = 电子邮箱
field-pseudonym = 只用于这项服务的代号
field-place = 位置

## Links, scanning, leaving the app
scan = 扫一扫
scan-denied = 没有相机权限。可以在手机设置中打开。
scanned-title = 扫描结果
scanned-what = 这不是一城的二维码，应用不会自动打开它。
link-looking = 正在查看…
link-title = 打开这项服务？
link-service = 服务
link-open = 打开
leave-title = 离开应用？
leave-what = 将在浏览器中打开这个网址。
leave-go = 打开浏览器
leave-call-title = 拨打电话？
leave-call = 通话由您按下拨号键后开始。
leave-call-go = 拨号
hand-over-title = 交给另一部手机
hand-over-how = 请用另一部手机的一城扫描。
draft-accepted = 已收到 { $by } 填好的表单，请检查后提交。
payment-done = 已付款给{ $payee }

## Errors: what happened, what is safe, what to do
error-network = 连不上网络。内容已保存，请检查网络后重试。
error-answer = 对方的系统暂时有问题，您的手机没有问题。请稍后再试。
error-login = 请先登录。
error-step-up = 这项操作需要更高级别的身份验证。
error-not-genuine = 收到的内容无法核实，已停止以保护您。请换一个网络再试。
error-older = 收到的内容比手机里的旧，已停止以保护您。请换一个网络再试。
error-expired = 发布方没有按时更新。已安装的服务仍可使用，请稍后再试。
error-key = 手机的密钥已失效。请重新登录。
error-not-now = 手机暂时无法完成。请解锁手机后重试。
error-cancelled = 已取消。
error-own = 应用出了问题，内容没有丢失。请重试，或重新打开应用。

## What stands in the way of everything
blocked-title = 暂时无法打开
blocked-key-title = 手机的密钥变了
blocked-key = 保护私密数据的密钥已改变，比如重设了锁屏。数据仍在手机里。
blocked-damaged-title = 私密数据无法读取
blocked-damaged = 文件已损坏，但仍保留着。可以找回还能读取的部分。
blocked-in-use-title = 应用已在另一处打开
blocked-in-use = 请先关闭另一处，然后重试。
blocked-full-title = 手机存储已满
blocked-full = 内容没有丢失。请清理一些空间后重试。
blocked-too-new-title = 请更新应用
blocked-too-new = 数据由更新的版本保存。请在应用商店更新后再打开。
blocked-locked-title = 请先解锁手机
blocked-locked = 手机的密钥暂时无法使用。解锁后重试。
blocked-restore = 使用较早的备份
blocked-recover = 找回能读取的部分
blocked-begin-again = 从头开始
blocked-sure = 登录、卡码、草稿和等待发送的内容都不再可用。旧文件会保留在手机里。
blocked-go-on-without = 确定从头开始
