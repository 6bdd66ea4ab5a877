export default {
  title: "调用统计",
};
