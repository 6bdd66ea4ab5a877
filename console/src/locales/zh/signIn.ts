export default {
  title: "登录 AICP 控制台",
  about: "人脸身份平台",
  firstStart: "首次使用：请输入服务启动时打印的管理令牌",
  ended: "登录已失效，请重新登录。",
  submit: "登录",
  back: "返回",
  password: {
    tab: "密码",
    name: "用户名",
    password: "密码",
    nameWanted: "请输入用户名",
    passwordWanted: "请输入密码",
  },
  token: {
    tab: "管理令牌",
    token: "管理令牌",
    where: "服务首次启动时打印在终端；也可在服务器上查看数据目录中的 admin-token。",
    wanted: "请输入管理令牌",
  },
  face: {
    tab: "人脸",
    about: "仅凭人脸登录只能查看。照片只用于本次比对，不会保存。",
    notKept: "照片只用于本次比对，不会保存。",
    second: "密码正确。{{name}} 还需要通过人脸核验。",
  },
};
