export default {
  drop: "拖入图片，或点击选择；也可直接粘贴",
  types: "JPEG、PNG、WebP、BMP、GIF，不超过 20 MB",
  notShown: "浏览器无法显示这张图片，但服务器可能读得懂。",
  camera: {
    open: "使用摄像头",
    view: "摄像头画面",
    take: "拍照",
    file: "改用图片",
    refused: "浏览器未获准使用摄像头。请在地址栏左侧的权限中允许，然后刷新页面。",
    none: "没有可用的摄像头。",
    inUse: "摄像头正被其他程序占用，请关闭后重试。",
    turn: "切换摄像头",
    insecure: "浏览器只允许 https 或 localhost 页面使用摄像头。请为服务启用 TLS，或在本机打开。",
  },
};
