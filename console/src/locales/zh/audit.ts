export default {
  title: "审计日志",
};
