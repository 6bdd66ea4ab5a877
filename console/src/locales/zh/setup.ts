export default {
  title: "初始设置",
};
